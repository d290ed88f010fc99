import HPAStore

extension FuzzTarget {
  /// Law: what was read, written and read again is the same.
  static let viewHeader = FuzzTarget("view-header", longestInput: 8 << 10, largestAllocation: 8) { input in
    let name = "hpav18@inceptionv4_800_f0"
    let header = try input.bytes.withUnsafeBytes { try ViewHeader(json: $0, name: name, path: "features.lmdb") }
    let again = try reread { try Array(header.json().utf8).withUnsafeBytes { try ViewHeader(json: $0, name: name, path: "features.lmdb") } }
    try require(again == header, "the header changed when it was written")
  }
}
