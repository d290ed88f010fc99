import ArgumentParser
import Foundation
import HPACore

/// The files that the options of a command name, by what the command does with them.
///
/// What it writes are the options of `outputs`; every other text that names a file is read. So a new option is taken for an input until it
/// stands here.
struct NamedFiles {
  private var read: [(option: String, path: String)] = []
  private var written: [(option: String, path: String)] = []

  private static let outputs: Set<String> = ["out", "details", "plots"]

  /// The options whose outputs are folders.
  private let folders: Set<String>

  init(of command: any ParsableArguments) {
    folders = command is any WritingFolder ? ["--out", "--plots"] : ["--plots"]
    let outputs = Self.outputs.union((command as? any WritingMore)?.furtherOutputs ?? [])
    for (property, value) in Self.values(of: command) {
      let option = "--" + Self.dashed(property)
      if outputs.contains(property) { written.append((option, value)) } else { read.append((option, value)) }
    }
  }

  /// - Throws: `usage` where two outputs are one file, or an output is an input. From then on no input is overwritten, whatever is written.
  func protect() throws {
    for (index, output) in written.enumerated() {
      for other in written[..<index] + read where Self.isSameFile(output.path, other.path) {
        throw Failure(
          .usage, "\(output.option) and \(other.option) are the same file", at: .file(output.path),
          cure: "Give \(output.option) another name.")
      }
    }
    for input in read { ProtectedFiles.protect(input.path, named: input.option) }
  }

  /// Keeps other commands away from the files that this one makes. Folders are locked by those who fill them.
  func lockOutputs() throws -> [OutputLock] {
    try written.filter { !folders.contains($0.option) && !Self.isStream($0.path) }.map { try OutputLock($0.path) }
  }

  private static func isSameFile(_ one: String, _ other: String) -> Bool {
    if let one = FileIdentity(one), one == FileIdentity(other) { return !isStream(other) }
    return URL(filePath: one).standardizedFileURL == URL(filePath: other).standardizedFileURL
  }

  /// Two outputs may well go to one device.
  private static func isStream(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
      && FileIdentity(path)?.isRegular == false
  }

  /// The texts of all options of a command and of its option groups.
  private static func values(of arguments: Any) -> [(property: String, value: String)] {
    Mirror(reflecting: arguments).children.flatMap { label, value -> [(String, String)] in
      guard let wrapper = value as? any WrappedValue else { return [] }
      let wrapped = wrapper.anyValue
      if let group = wrapped as? any ParsableArguments { return values(of: group) }
      return texts(wrapped).map { (String((label ?? "").drop { $0 == "_" }), $0) }
    }
  }

  private static func texts(_ value: Any) -> [String] {
    switch value {
    case let text as String: [text]
    case let texts as [String]: texts
    case let files as [WeightedFile]: files.map(\.path)
    default: []
    }
  }

  private static func dashed(_ property: String) -> String {
    property.reduce(into: "") { $0 += $1.isUppercase ? "-" + $1.lowercased() : String($1) }
  }
}

/// A command that writes to files of other options than the usual ones, by their properties.
protocol WritingMore {
  var furtherOutputs: Set<String> { get }
}

/// A command whose `--out` is a folder.
protocol WritingFolder {}

extension DemoData: WritingFolder {}
extension Import: WritingFolder {}
extension Run: WritingFolder {}
extension StackTrain: WritingFolder {}
extension Store.Salvage: WritingFolder {}

extension Store.Export: WritingMore {
  var furtherOutputs: Set<String> { ["ids"] }
}

private protocol WrappedValue {
  var anyValue: Any { get }
}

extension Option: WrappedValue {
  fileprivate var anyValue: Any {
    let mirror = Mirror(reflecting: wrappedValue)
    return mirror.displayStyle == .optional ? mirror.children.first?.value ?? wrappedValue : wrappedValue
  }
}

extension OptionGroup: WrappedValue {
  fileprivate var anyValue: Any { wrappedValue }
}
