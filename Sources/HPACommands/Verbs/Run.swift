import ArgumentParser
import Foundation
import HPABackbones
import HPACore
import HPATorch

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Do all of a project that is not up to date: from images to the submission.",
    discussion: """
      A stage is up to date while everything that decides its outcome is as it was: settings, images, labels, weights and features, by their
      contents. Killed and run again, it goes on where it was. A checkpoint that is trained anew in another way is kept under
      checkpoints/replaced/.

      Every run leaves results/runs/TIME.json: what was done and why, from what, and what came out. With --replay its blend is computed
      again from what was kept, even when features and networks have changed since.

      Example: hpa-feat run --dry-run
               hpa-feat run
               hpa-feat run --replay results/runs/2026-11-25T17-03-59Z.json --out replayed
      """)

  @Flag(help: "Only show what would be done, why, and what it takes.") var dryRun = false
  @Option(help: ArgumentHelp("The manifest of a run whose blend is computed once more.", valueName: "file")) var replay: String?
  @Option(help: ArgumentHelp("Where the replayed blend goes.", valueName: "folder")) var out: String?
  @Option(help: "fp32 or bf16.") var precision = Precision.float32
  @OptionGroup var device: DeviceOptions
  @OptionGroup var machine: MachineOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var project: ProjectOptions

  func validate() throws {
    _ = try Together.allOrNone([("--replay", replay != nil), ("--out", out != nil)])
    guard replay == nil || !dryRun else { throw ValidationError("Use either --dry-run or --replay.") }
  }

  func run() throws {
    if let replay, let out { return try repeatBlend(replay, into: out) }
    let device = try Device(parsing: device.device)
    let run = try ProjectRun(try project.look(), RunMachine(device: device, precision: precision, threads: machine.threadCount))
    let plan = try run.plan()
    guard !dryRun else { return output.json ? try Output.print(json: plan) : Output.print(plan.text(freeDisk: run.freeDisk)) }
    guard !plan.stale.isEmpty else {
      return output.json ? try Output.print(json: plan) : Output.print("Everything is up to date: \(plan.steps.count) stages.")
    }
    // Before anything gives way to what could not be made.
    try device.requirePresence()
    Talk.say(plan.text(freeDisk: run.freeDisk))
    let (path, manifest) = try run.execute { if !output.json { Output.print($0) } }
    if output.json { return try Output.print(json: manifest) }
    Output.print("\nThe run: \(path)")
  }

  private func repeatBlend(_ path: String, into folder: String) throws {
    guard let blend = try FileBytes.read(json: path, as: RunManifest.self, cure: "Name a file of results/runs/.").blend else {
      throw Failure(.badData, "holds no blend: the run did not come so far", at: .file(path), cure: "Name the manifest of a finished run.")
    }
    let objects = ObjectFolder(path: try project.look().objects)
    let replay = try BlendReplay(blend, objects: objects, into: folder)
    if output.json { try Output.print(json: replay) } else { Output.print(replay.text) }
    guard replay.isSame else {
      throw Failure(
        .badData, "the blend of that run, by version \(replay.programVersion), gives other bytes now, by version \(Version.text)",
        at: .file(path), cure: "Compare the files in \(folder) with those of the run.")
    }
  }
}
