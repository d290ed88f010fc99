/// Encodes the pictures of a synthetic data set; the codecs live in another room.
///
/// Called from several threads at once. Folders exist already.
public protocol SyntheticWriter: Sendable {
  /// - Parameter plane: width * height bytes, row by row.
  func writeGrayPNG(_ plane: [UInt8], width: Int, height: Int, path: String) throws
  /// - Parameter plane: width * height bytes, row by row.
  func writeGrayTIFF(_ plane: [UInt8], width: Int, height: Int, path: String) throws
  /// - Parameter pixels: width * height * 3 bytes, R, G, B of the first pixel first.
  func writeRGBJPEG(_ pixels: [UInt8], width: Int, height: Int, quality: Int, path: String) throws
}
