import Foundation

/// How much memory there is, asked before it is taken: an array that cannot be had ends the program without a word.
public enum Memory {
  /// Bytes that can still be taken without pushing other programs out: of the machine, and of the control group that the process is in.
  public static var available: Int { min(freeOfMachine, freeOfControlGroup) }

  /// - Parameter purpose: what the memory is for, such as `"the matrix"`.
  /// - Throws: `unavailable` where so many bytes cannot be had now, or not within the address space of the process (`ulimit -v`).
  public static func require(_ bytes: Int, for purpose: String, at path: String? = nil) throws {
    guard bytes > 1 << 20 else { return }
    let available = available
    guard bytes <= available else {
      throw Failure(
        .unavailable, "\(purpose) needs \(text(bytes)) of memory; \(text(available)) are free", at: .init(path: path),
        cure: "End other programs, use a machine with more memory, or work on a part of the data.")
    }
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let start = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), start != MAP_FAILED else {
      throw Failure(
        .unavailable, "\(purpose) needs \(text(bytes)) of memory, more than this process may take", at: .init(path: path),
        cure: "Raise the limit (see: ulimit -v), or work on a part of the data.")
    }
    munmap(start, bytes)
  }

  /// `3.2 GB`, `40 MB`.
  public static func text(_ bytes: Int) -> String {
    bytes >= 1_000_000_000 ? String(format: "%.1f GB", Double(bytes) / 1e9) : "\(max(1, bytes / 1_000_000)) MB"
  }

  private static var freeOfMachine: Int {
    let lines = lines(of: "/proc/meminfo")
    let kilobytes = ["MemAvailable:", "SwapFree:"].compactMap { name in
      lines.first { $0.hasPrefix(name) }.flatMap { $0.split(separator: " ").compactMap { Int($0) }.first }
    }
    return kilobytes.isEmpty ? .max : kilobytes.reduce(0, +) << 10
  }

  /// Of the control group as the process sees it (cgroup v2); no limit where there is none.
  private static var freeOfControlGroup: Int {
    guard let limit = lines(of: "/sys/fs/cgroup/memory.max").first.flatMap({ Int($0) }),
      let used = lines(of: "/sys/fs/cgroup/memory.current").first.flatMap({ Int($0) })
    else { return .max }
    let reclaimable = lines(of: "/sys/fs/cgroup/memory.stat").first { $0.hasPrefix("inactive_file ") }
      .flatMap { $0.split(separator: " ").last.flatMap { Int($0) } }
    return max(0, limit - used + (reclaimable ?? 0))
  }

  private static func lines(of path: String) -> [Substring] {
    ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n")
  }
}
