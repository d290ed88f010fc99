import HPACore
import HPATorch

/// What becomes of a tensor's name in a file of another package.
enum NameRule: Sendable {
  /// A beginning that is another one here.
  case prefix(String, String)
  /// A beginning, or a whole name, of what sorts images into ImageNet's classes; the common head takes its place.
  case classifier(String)
  /// A beginning of what serves the package's training only.
  case auxiliary(String)

  /// How all three packages call the last layer.
  static let common: [NameRule] = ["fc.weight", "fc.bias", "last_linear.weight", "last_linear.bias"].map(NameRule.classifier)
}

/// A file of another program, with the names that the backbone's tensors have here.
struct ForeignWeights {
  let file: RenamedTensors
  /// The tensors that have no place here, by their names in the file.
  let leftOut: [String]
  /// An ImageNet file: it has a classifier of its own and nothing of the common head.
  let lacksHead: Bool

  /// Before all names may stand `module.`, as torch.nn.DataParallel puts it.
  ///
  /// - Throws: `badData` where two tensors would share a name.
  init(_ file: any TensorFile, for backbone: Backbone) throws {
    let wrapper = "module."
    let isWrapped = file.names.allSatisfy { $0.hasPrefix(wrapper) }
    var leftOut: [String] = []
    var hasClassifier = false
    self.file = try RenamedTensors(file) { stored in
      let name = isWrapped ? String(stored.dropFirst(wrapper.count)) : stored
      for rule in backbone.nameRules {
        switch rule {
        case .prefix(let theirs, let ours) where name.hasPrefix(theirs): return ours + name.dropFirst(theirs.count)
        case .classifier(let part) where name.hasPrefix(part):
          hasClassifier = true
          leftOut.append(stored)
          return nil
        case .auxiliary(let part) where name.hasPrefix(part):
          leftOut.append(stored)
          return nil
        default: continue
        }
      }
      return name
    }
    self.leftOut = leftOut
    lacksHead = hasClassifier && !self.file.names.contains { $0.hasPrefix(Network.headPrefix) }
  }
}
