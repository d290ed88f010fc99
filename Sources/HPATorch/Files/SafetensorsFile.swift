public import Foundation
import HPACore

/// A safetensors file that is open for reading: its header is checked when it is opened,
/// its tensors are read one by one. Needs no LibTorch.
public final class SafetensorsFile: TensorFile {
  public let path: String
  public let metadata: [String: String]
  /// `range`: where the bytes stand, counted from the end of the header.
  private let tensors: [String: (entry: TensorEntry, range: Range<Int>)]
  private let handle: FileHandle
  private let start: Int

  /// A header beyond this is not read, for reading it takes many times its bytes. The format's own library stops at 100 MB; a thousand
  /// tensors take 0.1 MB.
  private static let largestHeader = 10_000_000

  /// The name that the format keeps for itself: no tensor has it.
  public static let metadataName = "__metadata__"

  /// - Throws: `missingInput`; `badData` where the file breaks a rule of the format.
  public init(_ path: String) throws {
    self.path = path
    handle = try FileBytes.open(path)
    let size = Int(try handle.seekToEnd())
    let headerLength = try SafetensorsFile.headerLength(handle, size: size, path: path)
    start = 8 + headerLength
    let header: [String: HeaderValue]
    do {
      header = try JSONDecoder().decode(
        [String: HeaderValue].self, from: SafetensorsFile.read(handle, at: 8, count: headerLength, path: path))
    } catch let failure as Failure {
      throw failure
    } catch {
      throw SafetensorsFile.broken(path, "its header is not the JSON that it should be")
    }
    var metadata: [String: String] = [:]
    var tensors: [String: (entry: TensorEntry, range: Range<Int>)] = [:]
    for (name, value) in header {
      switch value {
      case .metadata(let found) where name == SafetensorsFile.metadataName: metadata = found
      case .tensor(let description) where name != SafetensorsFile.metadataName:
        tensors[name] = try SafetensorsFile.entry(name, description, path: path)
      case .metadata: throw SafetensorsFile.broken(path, "its entry '\(name)' describes no tensor")
      case .tensor: throw SafetensorsFile.broken(path, "its entry '\(name)' describes a tensor")
      }
    }
    self.metadata = metadata
    self.tensors = tensors
    try requireSeamlessData(byteCount: size - start)
  }

  deinit { try? handle.close() }

  /// The names in the order of their data.
  public var names: [String] {
    tensors.sorted { ($0.value.range.lowerBound, $0.key) < ($1.value.range.lowerBound, $1.key) }.map(\.key)
  }

  public func entry(_ name: String) throws -> TensorEntry { try tensor(named: name).entry }

  public func bytes(_ name: String) throws -> Data {
    let range = try tensor(named: name).range
    return try SafetensorsFile.read(handle, at: start + range.lowerBound, count: range.count, path: path)
  }

  private func tensor(named name: String) throws -> (entry: TensorEntry, range: Range<Int>) {
    guard let tensor = tensors[name] else { throw Failure(.badData, "there is no tensor '\(name)'", at: .file(path)) }
    return tensor
  }

  // MARK: The header

  private enum HeaderValue: Decodable {
    struct Description: Decodable {
      let dtype: String
      let shape: [Int]
      let data_offsets: [Int]
    }

    case tensor(Description)
    case metadata([String: String])

    init(from decoder: any Decoder) throws {
      if let description = try? Description(from: decoder) {
        self = .tensor(description)
      } else {
        self = .metadata(try [String: String](from: decoder))
      }
    }
  }

  private static func broken(_ path: String, _ what: String) -> Failure {
    Failure(.badData, "is not a sound safetensors file: \(what)", at: .file(path), cure: "Fetch or write the file again.")
  }

  private static func read(_ handle: FileHandle, at offset: Int, count: Int, path: String) throws -> Data {
    do {
      try handle.seek(toOffset: UInt64(offset))
      let data = count == 0 ? Data() : try handle.read(upToCount: count) ?? Data()
      guard data.count == count else { throw broken(path, "it ends early") }
      return data
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.inputOutput, "cannot be read: \(error.localizedDescription)", at: .file(path))
    }
  }

  private static func headerLength(_ handle: FileHandle, size: Int, path: String) throws -> Int {
    guard size >= 8 else { throw broken(path, "\(size) bytes are too few") }
    let length = try read(handle, at: 0, count: 8, path: path).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(min(size - 8, largestHeader)) else { throw broken(path, "its header claims \(length) bytes") }
    return Int(length)
  }

  private static func entry(_ name: String, _ description: HeaderValue.Description, path: String) throws -> (
    entry: TensorEntry, range: Range<Int>
  ) {
    guard let type = StoredType(rawValue: description.dtype) else {
      throw broken(path, "tensor '\(name)' is of the type '\(description.dtype)', which is not read here")
    }
    let offsets = description.data_offsets
    guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1] else {
      throw broken(path, "tensor '\(name)' has the offsets \(offsets)")
    }
    guard description.shape.allSatisfy({ $0 >= 0 }), let count = (description.shape + [type.byteCount]).checkedProduct,
      count == offsets[1] - offsets[0]
    else {
      throw broken(path, "tensor '\(name)' \(description.shape) does not fill its \(offsets[1] - offsets[0]) bytes")
    }
    return (TensorEntry(type: type, shape: description.shape), offsets[0]..<offsets[1])
  }

  /// The format allows no overlap, no hole and nothing after the last tensor.
  private func requireSeamlessData(byteCount: Int) throws {
    var end = 0
    let ordered = tensors.sorted {
      ($0.value.range.lowerBound, $0.value.range.upperBound) < ($1.value.range.lowerBound, $1.value.range.upperBound)
    }
    for (name, (_, range)) in ordered {
      guard range.lowerBound == end else {
        throw SafetensorsFile.broken(
          path, "the data of '\(name)' \(range.lowerBound < end ? "overlap those before" : "leave a hole")")
      }
      end = range.upperBound
    }
    guard end == byteCount else { throw SafetensorsFile.broken(path, "\(byteCount) bytes of data for tensors of \(end) bytes") }
  }
}
