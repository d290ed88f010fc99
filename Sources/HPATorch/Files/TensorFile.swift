public import Foundation
import HPACore

/// Type and shape of a tensor in a file.
public struct TensorEntry: Sendable, Equatable {
  public let type: StoredType
  public let shape: [Int]

  public init(type: StoredType, shape: [Int]) {
    self.type = type
    self.shape = shape
  }
}

/// Named tensors that are read one by one, from a file of whatever format. Needs no LibTorch.
public protocol TensorFile {
  var path: String { get }
  /// What the file says of itself; empty in formats without such a place.
  var metadata: [String: String] { get }
  /// In the order of the file.
  var names: [String] { get }
  /// - Throws: `badData` where there is no such tensor.
  func entry(_ name: String) throws -> TensorEntry
  /// The elements row by row, little-endian.
  func bytes(_ name: String) throws -> Data
}

extension TensorFile {
  /// The elements row by row; F64 and BF16 are rounded or widened to float32, integers and booleans are converted.
  public func floats(_ name: String) throws -> [Float] { try entry(name).type.floats(try bytes(name)) }

  /// A tensor on the CPU: int64 for integers, float32 for all else.
  public func tensor(_ name: String) throws -> Tensor {
    let entry = try entry(name)
    return entry.type.isInteger
      ? try Tensor(entry.type.integers(try bytes(name)), shape: entry.shape) : try Tensor(try floats(name), shape: entry.shape)
  }
}

/// Opens files of tensors by what they hold, not by their names.
public enum TensorFiles {
  /// - Throws: `missingInput`; `badData` for a file that is neither safetensors nor PyTorch's zip, or breaks a rule of its format.
  public static func open(_ path: String) throws -> any TensorFile {
    let head = try beginning(path)
    // A safetensors file begins with a length of eight bytes, which may look like anything, and a brace.
    if head.count > 8, head[8] == UInt8(ascii: "{") { return try SafetensorsFile(path) }
    if head.starts(with: ZipArchive.signature) { return try TorchFile(path) }
    if head.count > 1, head[0] == 0x80, (2...5).contains(head[1]) {
      throw Failure(
        .badData, "is a PyTorch file of the form before 2020, which is not read here", at: .file(path),
        cure: "Convert it once: \(converter(path))")
    }
    throw Failure(
      .badData, "is neither a safetensors file nor one of PyTorch", at: .file(path),
      cure: "Fetch or write the file again; hpa-feat backbones lists the public weights.")
  }

  private static func beginning(_ path: String) throws -> Data {
    let handle = try FileBytes.open(path)
    defer { try? handle.close() }
    do {
      return try handle.read(upToCount: 9) ?? Data()
    } catch {
      throw Failure(.inputOutput, "cannot be read: \(error.localizedDescription)", at: .file(path))
    }
  }

  /// A line for the shell that writes the file anew, in today's form, as `NAME.zip.pth` beside it.
  private static func converter(_ path: String) -> String {
    func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "'\\''") + "'" }
    return "python3 -c \"import sys, torch; torch.save(torch.load(sys.argv[1], map_location='cpu', weights_only=True), sys.argv[2])\" "
      + "\(quoted(path)) \(quoted((path as NSString).deletingPathExtension + ".zip.pth"))"
  }
}

extension [Int] {
  /// The product of all; nil where it does not fit an `Int`.
  var checkedProduct: Int? {
    reduce(Optional(1)) { partial, factor in
      guard let (value, overflow) = partial?.multipliedReportingOverflow(by: factor), !overflow else { return nil }
      return value
    }
  }
}
