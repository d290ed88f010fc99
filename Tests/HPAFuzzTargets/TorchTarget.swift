import HPACore
import HPATorch

extension FuzzTarget {
  /// A zip archive is read as it is. Anything else is taken for a pickle and laid into an archive, for a changed bit of a pickle inside an
  /// archive is a wrong checksum and nothing more.
  ///
  /// Law: every tensor has as many bytes as its type and shape say; its float32 values, written as safetensors and read again, are
  /// the same; but the one name that safetensors keeps for itself cannot be written.
  static let pth = FuzzTarget("pth", longestInput: 16 << 10, largestAllocation: 8) { input in
    let isArchive = input.bytes.starts(with: "PK".utf8)
    let path = isArchive ? try input.file() : try input.file(holding: archive(ofPickle: input.bytes))
    let file = try TorchFile(path)
    try require(!file.names.isEmpty && Set(file.names).count == file.names.count, "names stand twice, or there are none")
    let items = try file.names.filter { $0 != SafetensorsFile.metadataName }.map { name in
      let (entry, bytes) = (try file.entry(name), try file.bytes(name))
      try require(bytes.count == entry.shape.reduce(entry.type.byteCount, *), "'\(name)' \(entry) has \(bytes.count) bytes")
      return SafetensorsFile.Item(name, shape: entry.shape, .floats(try file.floats(name)))
    }
    let copy = input.folder.path("copy")
    try SafetensorsFile.write(items, to: copy)
    let again = try reread { try SafetensorsFile(copy) }
    for item in items {
      guard case .floats(let values) = item.values else { continue }
      try require(
        try again.entry(item.name).shape == item.shape && again.floats(item.name).elementsEqual(values) { $0.bitPattern == $1.bitPattern },
        "'\(item.name)' changed when it was written")
    }
  }

  /// As torch.save lays a pickle beside the memory of its tensors; every storage has 96 bytes, which is a whole number of each type's elements.
  private static func archive(ofPickle pickle: [UInt8]) -> [UInt8] {
    let storages = (0..<10).map { storage in ("archive/data/\(storage)", (0..<96).map { UInt8($0 + storage) }) }
    return StoredArchive([("archive/data.pkl", pickle), ("archive/byteorder", Array("little".utf8))] + storages).bytes
  }
}
