import COpenSSL
import Foundation
public import HPACore

/// SHA-256 of bytes that come piece by piece.
public final class ContentHash {
  private let context: OpaquePointer?

  public init() {
    context = EVP_MD_CTX_new()
    EVP_DigestInit_ex(context, EVP_sha256(), nil)
  }

  deinit { EVP_MD_CTX_free(context) }

  public func update(_ bytes: UnsafeRawBufferPointer) { EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) }

  public func update(_ text: String) {
    var text = text
    text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
  }

  /// The hash of what has come so far, as 64 hexadecimal digits.
  public var hexadecimal: String {
    let copy = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(copy) }
    EVP_MD_CTX_copy_ex(copy, context)
    var digest = [UInt8](repeating: 0, count: 32)
    EVP_DigestFinal_ex(copy, &digest, nil)
    return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// The hash of a file, read in pieces.
  ///
  /// - Throws: `missingInput`, `inputOutput`.
  public static func file(_ path: String) throws -> String {
    let handle = try FileBytes.open(path)
    defer { try? handle.close() }
    let hash = ContentHash()
    do {
      while let piece = try handle.read(upToCount: 1 << 22), !piece.isEmpty { piece.withUnsafeBytes { hash.update($0) } }
    } catch {
      throw Failure(.inputOutput, "cannot be read: \(error.localizedDescription)", at: .file(path))
    }
    return hash.hexadecimal
  }

  /// The hash of a set of ids: sorted by their UTF-8 bytes and joined by line feeds, so it does not depend on their order.
  public static func ids(_ ids: some Sequence<ImageID>) -> String { sortedIDs(ids.sorted()) }

  static func sortedIDs(_ ids: [ImageID]) -> String {
    var hash = IDsHash()
    for id in ids {
      var text = id.text
      text.withUTF8 { hash.add(UnsafeRawBufferPointer($0)) }
    }
    return hash.hexadecimal()
  }
}

/// The hash of ids that come in key order.
struct IDsHash {
  private static let pieceBytes = 1 << 16

  private(set) var count = 0
  private let hash = ContentHash()
  private var piece: [UInt8] = []

  mutating func add(_ key: UnsafeRawBufferPointer) {
    if count > 0 { piece.append(UInt8(ascii: "\n")) }
    piece.append(contentsOf: key)
    count += 1
    if piece.count >= IDsHash.pieceBytes { flush() }
  }

  private mutating func flush() {
    piece.withUnsafeBytes { hash.update($0) }
    piece.removeAll(keepingCapacity: true)
  }

  mutating func hexadecimal() -> String {
    flush()
    return hash.hexadecimal
  }
}
