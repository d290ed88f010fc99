public import ArgumentParser
import Foundation
import HPACore
import HPAImages

/// The program: its verbs, and what every failure of theirs looks like to the shell.
public struct HPAFeat: ParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "hpa-feat",
    abstract: "Feature store and similarity retrieval for microscopy of the Human Protein Atlas.",
    discussion: """
      In a folder with an hpa.yaml every verb works without options, in this order:

        hpa-feat train          networks for every model and fold
        hpa-feat extract        128 numbers an image, into features.lmdb
        hpa-feat search         test images that lie in the gallery already
        hpa-feat stack-train    one network over all features
        hpa-feat blend          the submission, with and without the leak step

      or all of them, as far as they are not up to date: hpa-feat run --dry-run, then hpa-feat run

      Every verb also works on plain files: see hpa-feat help VERB.
      """,
    version: Version.text,
    groupedSubcommands: [
      CommandGroup(name: "All at once:", subcommands: [Run.self]),
      CommandGroup(name: "Data:", subcommands: [DemoData.self, Import.self, Stats.self, FoldsCommand.self]),
      CommandGroup(
        name: "Networks and features:", subcommands: [BackbonesCommand.self, Train.self, Extract.self, Predict.self, Store.self]),
      CommandGroup(
        name: "What follows from features:",
        subcommands: [
          Search.self, Index.self, Groups.self, StackTrain.self, StackPredict.self, ThresholdsCommand.self, BlendCommand.self,
          Evaluate.self,
          Report.self,
        ]),
    ])

  public init() {}

  /// Runs the program with the process's arguments and ends it with a sysexits code.
  public static func run() -> Never {
    Interruption.listen()
    FreedMemory.keep()
    do {
      var command = try parseAsRoot()
      try command.run()
      exit(withError: nil)
    } catch let failure as Failure {
      Talk.say("hpa-feat: \(failure)")
      Foundation.exit(failure.kind.rawValue)
    } catch {
      exit(withError: error)
    }
  }
}

/// The version that features and checkpoints record.
enum Version {
  static let text = "0.4.0"
}

/// What the program says to the person, apart from the data that it prints.
enum Talk {
  static func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}
