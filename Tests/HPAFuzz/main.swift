// libFuzzer over one target: HPA_FUZZ_TARGET=png hpa-fuzz [libFuzzer's options] CORPUS SEEDS. See docs/fuzzing.md.
import HPAFuzzTargets
import HPATestSupport

#if canImport(Glibc)
  import Glibc
#endif

private typealias Callback = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

@_silgen_name("LLVMFuzzerRunDriver")
private func runLibFuzzer(
  _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ callback: Callback
) -> CInt

private enum Chosen {
  static let target = getenv("HPA_FUZZ_TARGET").flatMap { name in FuzzTarget.all.first { $0.name == String(cString: name) } }
  static let folder = try? TemporaryFolder()
}

guard Chosen.target != nil else {
  for target in FuzzTarget.all { print(target.name, target.longestInput, target.largestAllocation) }
  exit(getenv("HPA_FUZZ_TARGET") == nil ? 0 : 64)
}

var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(
  runLibFuzzer(&count, &arguments) { bytes, count in
    guard let target = Chosen.target, let folder = Chosen.folder else { return -1 }
    do {
      try target.check(Array(UnsafeBufferPointer(start: bytes, count: count)), in: folder)
    } catch {
      fatalError("\(error)")
    }
    return 0
  })
