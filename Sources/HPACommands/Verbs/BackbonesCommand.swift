import ArgumentParser
import HPABackbones

struct BackbonesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backbones",
    abstract: "List the networks there are, and the public weights that fit them.",
    discussion: """
      GFLOP are for one image of 512 x 512, with a multiply-add counted as two. The weights are examples: what another package calls by the
      same architecture fits, too. PyTorch's files (.pth) and safetensors are read by train --init.

      Example: hpa-feat backbones
      """)

  @OptionGroup var output: OutputOptions

  private struct Row: Encodable {
    let name: String
    let parameters: Int
    let flop_at_512: Int
    let feature_width: Int
    let smallest_size: Int
    let paper: String
    let weights: [WeightFile]

    init(_ backbone: Backbone) {
      (name, parameters, flop_at_512) = (backbone.name, backbone.parameterCount, backbone.operations)
      (feature_width, smallest_size) = (backbone.width, backbone.smallestSize)
      (paper, weights) = (backbone.paper, backbone.weightFiles)
    }
  }

  func run() throws {
    if output.json { try Output.print(json: Backbone.all.map(Row.init)) } else { Output.print(Self.text) }
  }

  private static var text: String {
    var facts = Table([
      ("name", .left), ("parameters", .right), ("GFLOP at 512", .right), ("width", .right), ("from size", .right), ("paper", .left),
    ])
    var weights = Table([("name", .left), ("package", .left), ("weights", .left)])
    for backbone in Backbone.all {
      facts.add([
        backbone.name, "\(backbone.parameterCount)", Output.decimal(Double(backbone.operations) / 1e9, places: 1), "\(backbone.width)",
        "\(backbone.smallestSize)", backbone.paper,
      ])
      for file in backbone.weightFiles { weights.add([backbone.name, file.package.rawValue, file.name]) }
    }
    return "\(facts.text)\n\n\(weights.text)"
  }
}
