import HPACommands

extension FuzzTarget {
  static let yaml = FuzzTarget("yaml", longestInput: 8 << 10, largestAllocation: 8) { input in
    _ = try ProjectConfiguration(bytes: input.bytes, path: "hpa.yaml")
  }
}
