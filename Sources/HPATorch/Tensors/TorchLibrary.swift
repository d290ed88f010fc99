import CTorchABI
import Foundation
import HPACore

/// LibTorch, opened when the first tensor is made.
///
/// It is no part of the executable, since loading it takes a third of a second that `--help` and `search` need not pay for, and its
/// symbols stay its own: it carries a `sgemm_` that would take the place of the one that the search was linked to.
public enum TorchLibrary {
  /// The version of PyTorch that the library was built for, such as `2.13.0`.
  public static func version() throws -> String { String(cString: try table().torch_version) }

  /// The number of CUDA devices that can be used.
  public static func cudaDevices() throws -> Int { Int(try table().cuda_devices()) }

  /// Whether the processor has what bfloat16 convolutions need (AVX-512).
  static func hasBFloat16Convolutions() throws -> Bool { try table().has_bfloat16_convolutions() }

  /// Sets how many threads an operation may use, for the whole process.
  public static func setThreads(_ count: Int) throws {
    try call { $0.set_threads(Int32(clamping: count), $1) }
  }

  /// - Throws: `unavailable` where the library is missing or cannot be loaded.
  static func table() throws -> HPATorchTable { try loaded.get() }

  /// Calls a function of the table and turns what it reports into a `Failure`.
  static func call<Result>(_ body: (HPATorchTable, UnsafeMutablePointer<HPATorchError>) -> Result) throws -> Result {
    let table = try table()
    var error = HPATorchError()
    let result = body(table, &error)
    guard error.code == HPA_TORCH_OK else {
      defer { table.free_message(error.message) }
      throw failure(code: Int(error.code), message: error.message.map { String(cString: $0) } ?? "no reason was given")
    }
    return result
  }

  private static func failure(code: Int, message: String) -> Failure {
    switch code {
    case HPA_TORCH_NO_MEMORY:
      Failure(.unavailable, "not enough memory: \(message)", cure: "Use a smaller --batch or --size.")
    default:
      Failure(.software, "LibTorch: \(message)")
    }
  }

  // Safe: the table is constant from its first use on.
  private nonisolated(unsafe) static let loaded: Result<HPATorchTable, Failure> = load()

  private static func load() -> Result<HPATorchTable, Failure> {
    // LibTorch's OpenMP reads this while it is loaded. By default its threads spin while they wait, which takes the processors from the
    // threads that decode images: beside other work, waiting asleep is five to ten times as fast.
    setenv("OMP_WAIT_POLICY", "passive", 0)
    return Result {
      let symbol = try library.symbol("hpa_torch_table")
      typealias TableFunction = @convention(c) () -> UnsafePointer<HPATorchTable>?
      guard let table = unsafeBitCast(symbol.address, to: TableFunction.self)() else {
        throw library.unavailable("\(symbol.path) gives no table")
      }
      // The version stands first, so that it can be read even where the rest of the table is another one.
      guard table.pointee.abi_version == UInt32(HPA_TORCH_ABI_VERSION), table.pointee.size == UInt32(MemoryLayout<HPATorchTable>.size)
      else {
        throw library.unavailable("\(symbol.path) belongs to another version of the program")
      }
      return table.pointee
    }.mapError { $0 as? Failure ?? Failure(.software, "\($0)") }
  }

  private static let library = OptionalLibrary(name: "LibTorch", fileName: "libHPATorchShim.so", environmentName: "HPA_TORCH_SHIM")
}
