import CLMDB

/// One LMDB transaction. It aborts when it goes, unless it was committed.
///
/// Bytes that it hands out belong to the memory map and are gone with it.
struct Transaction: ~Copyable {
  /// LMDB's number for the main database (MAIN_DBI), which is open as soon as a named one is.
  static let mainDatabase: MDB_dbi = 1

  private let handle: OpaquePointer

  init(_ environment: OpaquePointer, isReadOnly: Bool) throws {
    var handle: OpaquePointer?
    try LMDBError.check(mdb_txn_begin(environment, nil, isReadOnly ? UInt32(MDB_RDONLY) : 0, &handle))
    guard let handle else { throw LMDBError(code: MDB_PANIC) }
    self.handle = handle
  }

  deinit { mdb_txn_abort(handle) }

  consuming func commit() throws {
    let handle = handle
    discard self
    try LMDBError.check(mdb_txn_commit(handle))
  }

  /// For readers, the transaction that they see; for a writer, its own.
  var number: Int { mdb_txn_id(handle) }

  /// The handle of a named database (nil names the main one), which is made where it is missing.
  func openDatabase(_ name: String?) throws -> MDB_dbi {
    var database: MDB_dbi = 0
    try LMDBError.check(mdb_dbi_open(handle, name, name == nil ? 0 : UInt32(MDB_CREATE), &database))
    return database
  }

  func drop(_ database: MDB_dbi) throws { try LMDBError.check(mdb_drop(handle, database, 1)) }

  func count(_ database: MDB_dbi) throws -> Int {
    var statistics = MDB_stat()
    try LMDBError.check(mdb_stat(handle, database, &statistics))
    return Int(statistics.ms_entries)
  }

  func get(_ database: MDB_dbi, _ key: [UInt8]) throws -> UnsafeRawBufferPointer? {
    var value = MDB_val()
    let code = withValue(of: key) { mdb_get(handle, database, &$0, &value) }
    if code == MDB_NOTFOUND { return nil }
    try LMDBError.check(code)
    return UnsafeRawBufferPointer(value)
  }

  func put(_ database: MDB_dbi, _ key: [UInt8], _ value: [UInt8]) throws {
    try put(database, key, bytes: value.count) { $0.copyBytes(from: value) }
  }

  /// Stores a value of so many bytes, which `fill` writes in its place.
  func put(_ database: MDB_dbi, _ key: [UInt8], bytes: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) throws {
    guard try !append(database, key, bytes: bytes, fill) else { return }
    try LMDBError.check(reserve(database, key, bytes: bytes, flags: 0, fill))
  }

  /// The same behind the last key, where pages are filled whole; false, and nothing is stored, where the key belongs elsewhere or is there.
  func append(_ database: MDB_dbi, _ key: [UInt8], bytes: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) throws -> Bool {
    let code = reserve(database, key, bytes: bytes, flags: MDB_APPEND, fill)
    guard code != MDB_KEYEXIST else { return false }
    try LMDBError.check(code)
    return true
  }

  private func reserve(
    _ database: MDB_dbi, _ key: [UInt8], bytes: Int, flags: Int32, _ fill: (UnsafeMutableRawBufferPointer) -> Void
  ) -> Int32 {
    var value = MDB_val(mv_size: bytes, mv_data: nil)
    let code = withValue(of: key) { mdb_put(handle, database, &$0, &value, UInt32(MDB_RESERVE | flags)) }
    if code == 0 { fill(UnsafeMutableRawBufferPointer(start: value.mv_data, count: bytes)) }
    return code
  }

  func delete(_ database: MDB_dbi, _ key: [UInt8]) throws {
    let code = withValue(of: key) { mdb_del(handle, database, &$0, nil) }
    if code != MDB_NOTFOUND { try LMDBError.check(code) }
  }

  /// Gives every record in key order.
  func forEach(_ database: MDB_dbi, _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> Void) throws {
    var cursor: OpaquePointer?
    try LMDBError.check(mdb_cursor_open(handle, database, &cursor))
    defer { mdb_cursor_close(cursor) }
    var (key, value) = (MDB_val(), MDB_val())
    while true {
      let code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)
      if code == MDB_NOTFOUND { return }
      try LMDBError.check(code)
      try body(UnsafeRawBufferPointer(key), UnsafeRawBufferPointer(value))
    }
  }
}

extension UnsafeRawBufferPointer {
  fileprivate init(_ value: MDB_val) { self.init(start: value.mv_data, count: value.mv_size) }
}

/// LMDB takes what it only reads as mutable pointers.
private func withValue<Result>(of bytes: [UInt8], _ body: (inout MDB_val) -> Result) -> Result {
  bytes.withUnsafeBytes { bytes in
    var value = MDB_val(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    return body(&value)
  }
}
