import ArgumentParser
import HPABlend

/// Intervals by resampling the images.
struct BootstrapOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Give every threshold and F1 an interval from this many resamples of the images.", valueName: "n"))
  var bootstrap: Int?

  @Option(help: "The share of resamples that an interval holds; 0.95 by default.") var confidence: Double?
  @Option(help: "Another seed draws other resamples; 0 by default.") var seed: UInt64?

  func validate() throws {
    guard bootstrap != nil || (confidence == nil && seed == nil) else {
      throw ValidationError("--confidence and --seed go with --bootstrap.")
    }
  }

  var plan: ThresholdBootstrap? {
    get throws {
      try bootstrap.map { try ThresholdBootstrap(resamples: $0, confidence: confidence ?? 0.95, seed: seed ?? 0) }
    }
  }
}
