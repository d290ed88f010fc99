import ArgumentParser
import HPABackbones
import HPAImages

/// How stain files become what a network sees.
struct PixelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The channel map, where stains are RGB files: \(ChannelMap.all.map(\.name).joined(separator: ", ")).", valueName: "name"))
  var channels = ChannelMap.rgbr.name

  @Option(help: "linear, or area for strong reductions.") var resize = Resize.Method.linear
  @Option(help: "fp32 or bf16.") var precision = Precision.float32

  /// The images of a folder at a size.
  func source(_ folder: String, size: Int) throws -> ImageSource {
    ImageSource(folder: try StainFolder(folder), channelMap: try ChannelMap.named(channels), size: size, resize: resize)
  }
}
