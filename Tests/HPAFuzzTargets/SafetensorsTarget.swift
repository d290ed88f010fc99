import HPABackbones
import HPACore
import HPATorch

extension FuzzTarget {
  /// Law: the float32 values of what was read, written and read again are the same, bit for bit.
  static let safetensors = FuzzTarget("safetensors", longestInput: 16 << 10, largestAllocation: 8) { input in
    let path = try input.file()
    let file = try SafetensorsFile(path)
    let items = try file.names.map { name in
      SafetensorsFile.Item(name, shape: try file.entry(name).shape, .floats(try file.floats(name)))
    }
    let copy = input.folder.path("copy")
    try SafetensorsFile.write(items, metadata: file.metadata, to: copy)
    let again = try reread { try SafetensorsFile(copy) }
    try require(again.metadata == file.metadata && again.names.count == file.names.count, "names or metadata changed")
    for item in items {
      guard case .floats(let values) = item.values else { continue }
      let read = try again.floats(item.name)
      try require(
        try again.entry(item.name).shape == item.shape && read.elementsEqual(values) { $0.bitPattern == $1.bitPattern },
        "'\(item.name)' changed when it was written")
    }
    do {
      _ = try Checkpoint(path)
    } catch let failure as Failure where failure.kind == .usage {
      return  // it does not say which network it belongs to
    }
  }
}
