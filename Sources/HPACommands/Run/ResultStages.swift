import HPACore
import HPAStore

/// Thresholds, the blend, the leak step, and both submissions.
struct BlendStage: Stage {
  let project: ProjectFolder
  let images: Int

  static let name = "blend"
  var name: String { Self.name }

  private var members: [String] { project.configuration.blend.map(\.name) }
  private var models: [String] { members.filter { $0 != ProjectConfiguration.stackMember } }
  private var hasStack: Bool { members.contains(ProjectConfiguration.stackMember) }
  private var views: [String] { ["train", "test"].flatMap { dataset in project.networks(of: models).map { "\(dataset)@\($0)" } } }

  var upstream: [String] {
    views.map(ExtractStage.name) + (hasStack ? [StackStage.name] : []) + (project.configuration.search == nil ? [] : [SearchStage.name])
  }

  var outputs: [Artefact] {
    let leaks = project.configuration.search == nil ? [] : ["submission_without_leaks.csv", "submission_changes.csv"]
    let files = ["submission.csv", "thresholds.csv", "threshold_details.csv", "evaluation.json", "blend.json"] + leaks
    return files.map { .file(project.result($0)) }
  }

  var work: Work { Work(kind: .blend, amount: Double(images), memory: 100 << 20, disk: images * members.count * 28 * 8) }

  func facts(_ contents: Contents) throws -> [String: String] {
    let configuration = project.configuration
    var facts = [
      "members": configuration.blend.map { "\($0.name)=\($0.weight)" }.joined(separator: ","), "folds": "\(configuration.blendFolds)",
      "labels of train": try project.labelsContent("train", contents),
    ]
    facts.merge(Self.settings(of: configuration.thresholds)) { first, _ in first }
    for view in views { facts[view] = try project.viewContent(view, contents) }
    for name in models {
      let model = try project.model(name)
      facts["division of \(name)"] = try contents.sha256(ofFile: project.foldFile(of: model))
      for fold in model.folds {
        let file = project.checkpoint(name, fold: fold)
        facts[file] = try contents.sha256(ofFile: file)
      }
    }
    if hasStack { facts["stack"] = try stack(contents) }
    if let test = try project.dataset("test").labels { facts["labels of test"] = try contents.sha256(ofFile: project.path(test)) }
    if let plan = configuration.search {
      facts["matches"] = try contents.sha256(ofFile: project.matches)
      facts["labels of \(plan.gallery)"] = try project.labelsContent(plan.gallery, contents)
    }
    return facts
  }

  private func stack(_ contents: Contents) throws -> String {
    let hash = ContentHash()
    for name in ["validation_ids.csv", "validation_scores.npy", "test_ids.csv", "test_scores.npy"] {
      hash.update(try contents.sha256(ofFile: "\(project.stackFolder)/\(name)"))
    }
    return hash.hexadecimal
  }

  func run() throws -> String { try project.blend(folds: nil).text }
}

/// The pictures of what was reached.
struct ReportStage: Stage {
  let project: ProjectFolder
  let images: Int

  static let name = "report"
  var name: String { Self.name }
  let upstream = [BlendStage.name]

  var outputs: [Artefact] {
    let pictures = ["learning_curves", "f1_thresholds"] + (project.configuration.search == nil ? [] : ["similarities"])
    return pictures.map { .file(project.result("plots/\($0).png")) }
  }

  var work: Work { Work(kind: .report, amount: Double(images), memory: 100 << 20) }

  func facts(_ contents: Contents) throws -> [String: String] {
    var facts = [
      "evaluation": try contents.sha256(ofFile: project.evaluationFile), "thresholds": try contents.sha256(ofFile: project.thresholdsFile),
      "held-out scores": try contents.sha256(ofFile: project.validationBlend + "_scores.npy"),
    ]
    for model in project.configuration.models {
      for fold in model.folds {
        let file = project.checkpoint(model.name, fold: fold)
        facts[file] = try contents.sha256(ofFile: file)
      }
    }
    if let plan = project.configuration.search {
      facts["matches"] = try contents.sha256(ofFile: project.matches)
      facts["known pairs"] = try plan.knownPairs.map { try contents.sha256(ofFile: project.path($0)) }
    }
    return facts
  }

  func run() throws -> String { Report.text(try project.report(), folder: project) }
}
