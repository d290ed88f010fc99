import ArgumentParser
import HPACore

/// What the work runs on.
struct MachineOptions: ParsableArguments {
  @Option(help: "Threads to use; all processors by default. Results never depend on it, except for training.")
  var threads: Int?

  @Flag(help: "Print no progress lines.")
  var quiet = false

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads \(threads): use 1 or more.") }
    if quiet { ProgressLine.silenceAll() }
  }

  var threadCount: Int { threads ?? Parallel.availableThreads }
}

/// Where the networks run.
struct DeviceOptions: ParsableArguments {
  @Option(help: ArgumentHelp("cpu, cuda or cuda:N; cuda needs a LibTorch built for it.", valueName: "device"))
  var device = "cpu"

  func validate() throws {
    guard device.wholeMatch(of: /cpu|cuda(:[0-9]+)?/) != nil else {
      throw ValidationError("--device \(device): use cpu, cuda or cuda:N.")
    }
  }
}
