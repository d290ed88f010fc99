import COpenSSL

/// SHA-256, by which an import knows equal files and equal pixels.
enum ContentDigest {
  /// 64 hexadecimal digits, as `sha256sum` prints them.
  static func sha256(_ bytes: [UInt8]) -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil)
    return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
