import Foundation

/// Makes a scratch file hold exactly `bytes`: without the flush to disk and the renaming that files of worth get.
func overwrite(_ path: String, with bytes: [UInt8]) throws {
  let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
  guard descriptor >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
  defer { close(descriptor) }
  guard bytes.withUnsafeBytes({ write(descriptor, $0.baseAddress, $0.count) }) == bytes.count else {
    throw POSIXError(.init(rawValue: errno) ?? .EIO)
  }
}
