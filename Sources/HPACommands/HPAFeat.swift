public import ArgumentParser

public struct HPAFeat: ParsableCommand {
  public static let configuration = CommandConfiguration(commandName: "hpa-feat", abstract: "Feature store and similarity retrieval for microscopy of the Human Protein Atlas.")

  public init() {}

  public static func run() { main() }
}
