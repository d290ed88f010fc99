public import Foundation
import HPACore

/// A file of torch.save since PyTorch 1.6 that is open for reading: a zip archive of a pickle and of the tensors' memory.
///
/// The tensors are those of the dictionary that the file holds, or of the dictionary under `state_dict` or `model` inside it; whatever else
/// a checkpoint keeps (epoch, optimiser) is passed over. Nothing of the file is executed. Needs no LibTorch.
public final class TorchFile: TensorFile {
  public let path: String
  public let metadata: [String: String] = [:]
  public let names: [String]
  private let archive: ZipArchive
  private let tensors: [String: Stored]

  private struct Stored {
    let entry: TensorEntry
    let view: TorchTensor
    /// The storage's name in the archive.
    let file: String
    /// The elements of the storage from the first to the last one used.
    let range: Range<Int>
    let count: Int
  }

  /// A checkpoint of a thousand tensors has a pickle of 0.3 MB. A hostile one takes some fifty times its length of memory to be read.
  private static let largestPickle = 4 << 20

  /// - Throws: `missingInput`; `badData` where the file is broken, or holds no dictionary of tensors.
  public init(_ path: String) throws {
    self.path = path
    archive = try ZipArchive(path)
    let folder = try TorchFile.folder(archive)
    let size = archive.sizes[folder + "data.pkl"] ?? 0
    guard size <= TorchFile.largestPickle else { throw ZipArchive.broken(path, "its pickle has \(size) bytes") }
    let pickle = try archive.read(folder + "data.pkl", 0..<size)
    let table: [(name: String, view: TorchTensor)]
    do {
      let (root, reader) = try PickleReader.read(pickle)
      table = try reader.tensorTable(root)
    } catch {
      throw ZipArchive.broken(path, error.text)
    }
    names = table.map(\.name)
    var tensors: [String: Stored] = [:]
    for (name, view) in table {
      guard tensors.updateValue(try TorchFile.stored(name, view, archive, folder), forKey: name) == nil else {
        throw ZipArchive.broken(path, "the tensor '\(name)' stands in it twice")
      }
    }
    self.tensors = tensors
  }

  /// All of the archive lies in one folder.
  private static func folder(_ archive: ZipArchive) throws -> String {
    let pickles = archive.sizes.keys.filter { $0.hasSuffix("/data.pkl") && $0.count(where: { $0 == "/" }) == 1 }
    guard pickles.count == 1, let pickle = pickles.first else { throw ZipArchive.broken(archive.path, "it has no data.pkl") }
    let folder = String(pickle.dropLast("data.pkl".count))
    let order = folder + "byteorder"
    if let size = archive.sizes[order], try archive.read(order, 0..<min(size, 8)) != Data("little".utf8) {
      throw ZipArchive.broken(archive.path, "its numbers are not little-endian")
    }
    return folder
  }

  private static func stored(_ name: String, _ view: TorchTensor, _ archive: ZipArchive, _ folder: String) throws -> Stored {
    guard let type = view.storage.type else {
      throw ZipArchive.broken(archive.path, "'\(name)' lies in a \(view.storage.className), which is not read here")
    }
    let file = folder + "data/" + view.storage.key
    guard let size = archive.sizes[file], [view.storage.count, type.byteCount].checkedProduct == size else {
      throw ZipArchive.broken(
        archive.path, "'\(name)' lies in \(view.storage.count) elements at '\(file)', which has \(archive.sizes[file] ?? 0) bytes")
    }
    guard let (range, count) = view.extent else {
      throw ZipArchive.broken(archive.path, "'\(name)' \(view.shape) reaches beyond its \(view.storage.count) elements")
    }
    return Stored(entry: TensorEntry(type: type, shape: view.shape), view: view, file: file, range: range, count: count)
  }

  public func entry(_ name: String) throws -> TensorEntry { try stored(name).entry }

  public func bytes(_ name: String) throws -> Data {
    let stored = try stored(name)
    let size = stored.entry.type.byteCount
    let memory = try archive.read(stored.file, stored.range.lowerBound * size..<stored.range.upperBound * size)
    switch size {
    case _ where stored.view.isRowMajor: return memory
    case 8: return stored.view.gathered(UInt64.self, from: memory, count: stored.count)
    case 4: return stored.view.gathered(UInt32.self, from: memory, count: stored.count)
    case 2: return stored.view.gathered(UInt16.self, from: memory, count: stored.count)
    default: return stored.view.gathered(UInt8.self, from: memory, count: stored.count)
    }
  }

  private func stored(_ name: String) throws -> Stored {
    guard let stored = tensors[name] else { throw Failure(.badData, "there is no tensor '\(name)'", at: .file(path)) }
    return stored
  }
}

extension PickleReader {
  /// The named tensors of the dictionary `root`, or of the one that it keeps them in.
  func tensorTable(_ root: Value) throws(Fault) -> [(name: String, view: TorchTensor)] {
    guard case .dictionary(let outer) = root else {
      throw Fault("it holds no dictionary of tensors, but perhaps a whole model (save it with torch.save(model.state_dict(), FILE))")
    }
    var table: [(name: String, view: TorchTensor)] = []
    for item in dictionaries[innerTable(of: outer)] {
      guard case .text(let name) = item.key else { throw Fault("its dictionary of tensors has a key that is no text") }
      guard case .tensor(let tensor) = item.value else { throw Fault("'\(name)' in its dictionary of tensors is no tensor") }
      table.append((name, tensors[tensor]))
    }
    guard !table.isEmpty else { throw Fault("its dictionary of tensors is empty") }
    return table
  }

  /// Training programs keep the tensors under these names, beside the epoch and the optimiser.
  private func innerTable(of outer: Int) -> Int {
    for wanted in ["state_dict", "model"] {
      for item in dictionaries[outer] {
        if case .text(wanted) = item.key, case .dictionary(let inner) = item.value { return inner }
      }
    }
    return outer
  }
}

extension TorchTensor {
  /// Which elements of the storage are used, and how many the tensor has. Nil where it reaches beyond the storage, or has more elements than
  /// that (a number repeated): no tensor is larger than the file.
  var extent: (range: Range<Int>, count: Int)? {
    guard let count = shape.checkedProduct, shape.count == strides.count, offset >= 0, offset <= storage.count else { return nil }
    guard count > 0 else { return (offset..<offset, 0) }
    var last = offset
    for (length, stride) in zip(shape, strides) where length > 1 {
      let (reach, overflow) = (length - 1).multipliedReportingOverflow(by: stride)
      let (sum, overflowOfSum) = last.addingReportingOverflow(reach)
      guard !overflow, !overflowOfSum else { return nil }
      last = sum
    }
    guard last < storage.count, count <= storage.count else { return nil }
    return (offset..<last + 1, count)
  }

  /// Whether the elements lie side by side, row by row.
  var isRowMajor: Bool {
    guard !shape.contains(0) else { return true }
    var expected = 1
    for (length, stride) in zip(shape, strides).reversed() where length != 1 {
      guard stride == expected else { return false }
      // Fits: no product of the lengths is above the count, which was computed with the extent.
      expected *= length
    }
    return true
  }

  /// The elements row by row, from the memory of the extent.
  func gathered<Element: BitwiseCopyable>(_: Element.Type, from memory: Data, count: Int) -> Data {
    // Dimensions of one element may have any stride.
    let dimensions = zip(shape, strides).filter { $0.0 != 1 }
    var index = [Int](repeating: 0, count: dimensions.count)
    var position = 0
    let elements = memory.withUnsafeBytes { source in
      (0..<count).map { _ in
        let element = source.loadUnaligned(fromByteOffset: position * MemoryLayout<Element>.size, as: Element.self)
        for dimension in dimensions.indices.reversed() {
          let (length, stride) = dimensions[dimension]
          index[dimension] += 1
          position += stride
          if index[dimension] < length { break }
          position -= length * stride
          index[dimension] = 0
        }
        return element
      }
    }
    return elements.withUnsafeBytes { Data($0) }
  }
}
