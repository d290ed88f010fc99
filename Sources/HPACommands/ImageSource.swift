import HPACore
import HPAImages

/// Images of one folder as a network wants them.
struct ImageSource: Sendable {
  let folder: StainFolder
  let channelMap: ChannelMap
  let size: Int
  var resize = Resize.Method.linear

  /// The (4, size, size) pixels of an image. A loader's threads have an image each, so its stains are read one after the other.
  func pixels(_ id: ImageID) throws -> PixelStack {
    try folder.stack(of: id, size: size, method: resize, channelMap: channelMap, threads: 1)
  }
}
