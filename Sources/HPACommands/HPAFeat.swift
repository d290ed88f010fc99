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
    StandardStreams.occupy()
    FreedMemory.keep()
    do {
      var command = try parseAsRoot()
      let kept = (command as? any InterruptibleCommand)?.keptWhenInterrupted ?? InterruptibleWords.nothingHalf
      Interruption.listen { Talk.say("hpa-feat: \(InterruptibleWords.adding(kept, to: $0))") }
      do {
        let files = NamedFiles(of: command)
        try files.protect()
        let locks = try files.lockOutputs()
        try command.run()
        withExtendedLifetime(locks) {}
      } catch let failure as Failure {
        end(failure: InterruptibleWords.adding(kept, to: failure))
      }
      end(failure: StandardStreams.outputFailure)
    } catch {
      end(parsing: error)
    }
  }

  private static func end(failure: Failure?) -> Never {
    if let failure { Talk.say("hpa-feat: \(failure)") }
    Foundation.exit(failure?.kind.rawValue ?? 0)
  }

  /// Help and versions go to standard output, what is wrong with the command line to standard error.
  private static func end(parsing error: any Error) -> Never {
    let code = exitCode(for: error)
    guard code == .success else {
      Talk.say(fullMessage(for: error))
      Foundation.exit(code.rawValue)
    }
    Output.print(fullMessage(for: error))
    end(failure: StandardStreams.outputFailure)
  }
}

/// The version that features and checkpoints record.
enum Version {
  static let text = "0.4.0"
}

/// What the program says to the person, apart from the data that it prints.
enum Talk {
  static func say(_ text: String) { StandardStreams.say(text) }
}
