import HPACore
import Synchronization

/// The environments that this process has open, by folder, and how many users each has.
enum OpenEnvironments {
  private static let entries = Mutex<[FileIdentity: (environment: Environment, users: Int)]>([:])

  /// Counts one user more of what `open` returns, which is given the environment that is open in this folder.
  static func acquire(_ folder: FileIdentity, _ open: (Environment?) throws -> Environment) throws -> Environment {
    try entries.withLock { entries in
      let environment = try open(entries[folder]?.environment)
      entries[folder, default: (environment, 0)].users += 1
      return environment
    }
  }

  static func release(_ folder: FileIdentity) {
    entries.withLock { entries in
      guard let entry = entries[folder] else { return }
      guard entry.users == 1 else { return entries[folder] = (entry.environment, entry.users - 1) }
      entry.environment.close()
      entries[folder] = nil
    }
  }

  /// Calls `body` while nobody can open or close an environment in this process; it is told whether this folder is open.
  static func exclusively<Result>(_ folder: FileIdentity, _ body: (_ isOpen: Bool) throws -> Result) throws -> Result {
    try entries.withLock { try body($0[folder] != nil) }
  }
}
