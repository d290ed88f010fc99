import CFaissABI
import Foundation
import HPACore

/// Faiss, opened when the first index is built or read.
enum FaissLibrary {
  /// - Throws: `unavailable` where the library is missing or cannot be loaded.
  static func table() throws -> HPAFaissTable { try loaded.get() }

  // Safe: the table is constant from its first use on.
  private nonisolated(unsafe) static let loaded: Result<HPAFaissTable, any Error> = Result {
    let symbol = try library.symbol("hpa_faiss_table")
    typealias TableFunction = @convention(c) () -> UnsafePointer<HPAFaissTable>?
    guard let table = unsafeBitCast(symbol.address, to: TableFunction.self)(),
      table.pointee.abi_version == UInt32(HPA_FAISS_ABI_VERSION), table.pointee.size == UInt32(MemoryLayout<HPAFaissTable>.size)
    else { throw library.unavailable("\(symbol.path) belongs to another version of the program") }
    return table.pointee
  }

  private static let library = OptionalLibrary(name: "Faiss", fileName: "libHPAFaissShim.so", environmentName: "HPA_FAISS_SHIM")
}

/// One index of Faiss by inner product over unit vectors, owned; it is freed when it goes.
///
/// Sendable: Faiss searches an index that does not change on any number of threads; adding and training are done before it is shared.
final class FaissIndex: @unchecked Sendable {
  private let handle: OpaquePointer
  private let table: HPAFaissTable

  /// The version of the library, such as `1.7.3`.
  static func version() throws -> String { String(cString: try FaissLibrary.table().faiss_version) }

  private init(
    _ body: (HPAFaissTable, UnsafeMutablePointer<HPAFaissError>) -> OpaquePointer?, at place: Failure.Place, cure: String
  ) throws {
    table = try FaissLibrary.table()
    let table = table
    guard let made = try FaissIndex.call(at: place, cure: cure, { body(table, $0) }) else {
      throw Failure(.software, "Faiss returned no index")
    }
    handle = made
  }

  /// - Throws: `badData` with Faiss's own words for a factory string that it does not know or that does not fit the dimension.
  convenience init(dimension: Int, factory: String, recipe: String) throws {
    try self.init(
      { $0.make(Int64(dimension), factory, $1) }, at: .file(recipe),
      cure: "Write a factory string of Faiss for \(dimension) dimensions, such as Flat, HNSW32 or IVF256,PQ32.")
  }

  /// Reads Faiss's own file format.
  ///
  /// Faiss trusts what it reads: give it only a file whose hash is known.
  convenience init(contentsOf path: String) throws {
    let file = try FileBytes.open(path)
    defer { try? file.close() }
    try self.init({ $0.read(file.fileDescriptor, $1) }, at: .file(path), cure: "Build the index again: hpa-feat index build.")
  }

  deinit { table.free(handle) }

  var dimension: Int { Int(table.dimension(handle)) }
  var count: Int { Int(table.count(handle)) }

  func train(_ rows: [Float], threads: Int) throws {
    try FaissIndex.call(cure: "Give the recipe a coarser factory string, or a larger gallery.") {
      table.train(handle, rows, Int64(rows.count / dimension), Int32(clamping: threads), $0)
    }
  }

  func add(_ rows: ArraySlice<Float>) throws {
    try rows.withUnsafeBufferPointer { rows in
      try FaissIndex.call { table.add(handle, rows.baseAddress, Int64(rows.count / dimension), $0) }
    }
  }

  /// Search-time parameters in Faiss's words, such as `efSearch=64`.
  func set(_ parameters: String, recipe: String) throws {
    try FaissIndex.call(at: .file(recipe), cure: "Write parameters of the factory string, such as efSearch=64 or nprobe=16.") {
      table.set(handle, parameters, $0)
    }
  }

  /// The rows that the index finds for every query, best first by its own measure; fewer than asked for where it found no more.
  func search(_ queries: ArraySlice<Float>, neighbours: Int) throws -> [[Int]] {
    let count = queries.count / dimension
    var rows = [Int64](repeating: -1, count: count * neighbours)
    var products = [Float](repeating: 0, count: count * neighbours)
    try queries.withUnsafeBufferPointer { queries in
      try FaissIndex.call { table.search(handle, queries.baseAddress, Int64(count), Int64(neighbours), &rows, &products, $0) }
    }
    return (0..<count).map { query in rows[query * neighbours..<(query + 1) * neighbours].filter { $0 >= 0 }.map(Int.init) }
  }

  /// - Throws: `cannotCreate`, `inputOutput`.
  func write(to path: String) throws {
    try FileBytes.replace(path) { file in
      try FaissIndex.call(kind: .inputOutput, at: .file(path), cure: "Is the disk full?") { table.write(handle, file.fileDescriptor, $0) }
    }
  }

  @discardableResult
  private static func call<Result>(
    kind: Failure.Kind = .badData, at place: Failure.Place = Failure.Place(), cure: String? = nil,
    _ body: (UnsafeMutablePointer<HPAFaissError>) -> Result
  ) throws -> Result {
    var error = HPAFaissError()
    let result = body(&error)
    guard error.code == HPA_FAISS_OK else {
      defer { free(error.message) }
      let message = error.message.map { String(cString: $0) } ?? "no reason was given"
      if error.code == HPA_FAISS_NO_MEMORY { throw Failure(.unavailable, "not enough memory for the index", at: place) }
      throw Failure(kind, "Faiss: \(message)", at: place, cure: cure)
    }
    return result
  }
}
