import Foundation
import HPACore
import HPAImages
import HPAStore

/// Something that a stage reads or leaves, and that has a content.
enum Artefact {
  case file(String)
  /// A view of a feature store.
  case view(String, store: String)
  /// The folder of an import.
  case images(ImageImport)

  /// What people call it.
  var name: String {
    switch self {
    case .file(let path): path
    case .view(let name, _): "view \(name)"
    case .images(let job): job.out
    }
  }

  /// What stays the same while the content does; nil where it is not there or not whole.
  fileprivate func stamp() throws -> String? {
    switch self {
    case .file(let path): return FileStamp(of: path).map { "\($0.bytes) bytes, \($0.modified) ns" }
    case .view(let name, let store):
      guard let opened = try FeatureStore.existing(store), let header = try opened.views().first(where: { $0.name == name }) else {
        return nil
      }
      return header.state == .complete ? try header.json() : nil
    case .images(let job):
      let records = [job.journal, job.record].map(FileStamp.init(of:))
      guard records.allSatisfy({ $0 != nil }), let ids = job.ids else { return nil }
      return "\(records.compactMap { $0 }) \(job.layout) \(job.channelMap.name) \(job.method) \(job.sizes) \(ContentHash.ids(ids))"
    }
  }

  fileprivate func content() throws -> String? {
    switch self {
    case .file(let path): try ContentHash.file(path)
    case .view(let name, let store): try FeatureStore(store).summary(of: name).contentsSHA256
    case .images(let job): try job.state().contentsSHA256
    }
  }
}

extension FeatureStore {
  /// The store in a folder; nil where nothing was ever stored there.
  static func existing(_ path: String, mode: Mode = .readOnly) throws -> FeatureStore? {
    guard let data = FileStamp(of: path + "/data.mdb"), data.bytes > 0 else { return nil }
    return try FeatureStore(path, mode: mode)
  }
}

/// The contents of artefacts by SHA-256. What was hashed once is not read again while its stamp stays.
final class Contents {
  struct Known: Codable {
    let stamp: String
    let sha256: String
  }

  private(set) var known: [String: Known]

  init(known: [String: Known] = [:]) { self.known = known }

  /// Nil where the artefact is not there, or not whole.
  func sha256(of artefact: Artefact) throws -> String? {
    guard let stamp = try artefact.stamp() else { return nil }
    if let known = known[artefact.name], known.stamp == stamp { return known.sha256 }
    guard let content = try artefact.content() else { return nil }
    known[artefact.name] = Known(stamp: stamp, sha256: content)
    return content
  }

  /// - Throws: `missingInput` where the file is not there.
  func sha256(ofFile path: String) throws -> String {
    guard let content = try sha256(of: .file(path)) else {
      throw Failure(.missingInput, "no such file", at: .file(path), cure: "Check the path; hpa.yaml's are relative to its folder.")
    }
    return content
  }
}
