import CLMDB
import Foundation
import HPACore

/// A return code of LMDB, before it is known which store it is about.
struct LMDBError: Error {
  let code: Int32

  /// - Throws: an LMDBError for every code but 0.
  static func check(_ code: Int32) throws {
    guard code == 0 else { throw LMDBError(code: code) }
  }

  func failure(at path: String) -> Failure {
    let text = String(cString: mdb_strerror(code))
    let (kind, cure): (Failure.Kind, String?) =
      switch code {
      case MDB_INVALID: (.badData, "Is this the folder of a feature store? Its data.mdb is no LMDB file, or is damaged.")
      case MDB_VERSION_MISMATCH:
        (.badData, "The file was written by another LMDB version; export the views with that version and import them here.")
      case MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_BAD_TXN, MDB_PANIC:
        (
          .badData,
          "The file is damaged. Restore it from a copy, or save what is readable: hpa-feat store salvage --store \(path) --out NEW."
        )
      case ENOMEM:
        (.unavailable, "The store does not fit into the address space that this program may use; see: ulimit -v.")
      case MDB_READERS_FULL: (.unavailable, "Too many programs read this store at once; wait for one to end.")
      case MDB_DBS_FULL: (.unavailable, "A store takes about a thousand views; drop some, or begin another store.")
      // LMDB reports a write that the disk took only in part as EIO.
      case ENOSPC, EDQUOT, EFBIG, EIO:
        (.inputOutput, "Is the disk full? See: df -h '\(path)'. What was committed is kept; the same command goes on from there.")
      case EACCES, EPERM, EROFS: (.cannotCreate, "Check the permissions: ls -l '\(path)'.")
      case ENOENT: (.missingInput, "Check the path; hpa-feat extract makes a store.")
      default: (.inputOutput, nil)
      }
    return Failure(kind, text, at: .file(path), cure: cure)
  }
}

extension PageDamage {
  func failure(at path: String) -> Failure {
    Failure(
      .badData, "data.mdb is damaged: page \(page) \(reason)", at: .file(path),
      cure: "Restore it from a copy, or save what is whole into a new store: hpa-feat store salvage --store \(path) --out NEW.")
  }
}
