import CSearchKernels
import HPACore

/// The rows of a gallery as the first pass reads them: 8-bit codes around the centres of their cells.
///
/// Memory: dimension + 12 bytes a row.
struct CodedGallery: Sendable {
  struct Cell: Sendable {
    /// Sixteen tiles each, those with the rows nearest to the centre first.
    var panels: [hpa_search_panel] = []
    /// What holds for the rows of all of them.
    var bounds = hpa_search_panel(first_tile: 0, tiles: 0, length: 0, rest: 0, shift: -.infinity)
  }

  let cells: [Cell]
  let partition: GalleryCells
  let tiles: CodedTiles

  var dimension: Int { partition.dimension }

  init(_ rows: MeasuredRows, partition: GalleryCells, functions: hpa_search_kernel, threads: Int) throws {
    let parts = CodedGallery.parts(of: partition)
    let tiles = CodedTiles(count: parts.last.map { $0.firstTile + $0.tiles } ?? 0, words: (rows.dimension + 3) / 4)
    let panels = try Parallel.map(count: parts.count, threads: threads) { number in
      try Interruption.check()
      return tiles.encode(parts[number], of: rows, centre: partition.centre(parts[number].cell), functions: functions)
    }
    var cells = Array(repeating: Cell(), count: partition.count)
    for (part, panel) in zip(parts, panels) { cells[part.cell].append(panel) }
    self.cells = cells
    self.partition = partition
    self.tiles = tiles
  }

  /// What becomes a panel.
  struct Part: Sendable {
    let cell: Int
    let firstTile: Int
    let members: ArraySlice<Int32>

    var tiles: Int { (members.count + Int(HPA_SEARCH_TILE) - 1) / Int(HPA_SEARCH_TILE) }
  }

  private static func parts(of partition: GalleryCells) -> [Part] {
    let most = 16 * Int(HPA_SEARCH_TILE)
    var parts: [Part] = []
    for (cell, members) in partition.members.enumerated() {
      for start in stride(from: 0, to: members.count, by: most) {
        let first = parts.last.map { $0.firstTile + $0.tiles } ?? 0
        parts.append(Part(cell: cell, firstTile: first, members: members[start..<min(start + most, members.count)]))
      }
    }
    return parts
  }
}

extension CodedGallery.Cell {
  fileprivate mutating func append(_ panel: hpa_search_panel) {
    panels.append(panel)
    bounds.length = max(bounds.length, panel.length)
    bounds.rest = max(bounds.rest, panel.rest)
    bounds.shift = max(bounds.shift, panel.shift)
  }
}

/// The memory of a coded gallery. Threads write different tiles of it while the gallery is made; after that it is only read.
final class CodedTiles: @unchecked Sendable {
  let memory: hpa_search_gallery

  init(count: Int, words: Int) {
    let places = count * Int(HPA_SEARCH_TILE)
    memory = hpa_search_gallery(
      codes: CodedTiles.allocate(places * words * 4), scales: CodedTiles.allocate(places), shifts: CodedTiles.allocate(places),
      rows: CodedTiles.allocate(places), words: words)
  }

  deinit {
    memory.codes.deallocate()
    memory.scales.deallocate()
    memory.shifts.deallocate()
    memory.rows.deallocate()
  }

  private static func allocate<Element: BitwiseCopyable>(_ count: Int) -> UnsafeMutablePointer<Element> {
    UnsafeMutableRawPointer.allocate(byteCount: max(1, count) * MemoryLayout<Element>.stride, alignment: 64)
      .bindMemory(to: Element.self, capacity: count)
  }

  fileprivate func encode(_ part: CodedGallery.Part, of rows: MeasuredRows, centre: ArraySlice<Float>, functions: hpa_search_kernel)
    -> hpa_search_panel
  {
    var panel = hpa_search_panel()
    panel.first_tile = part.firstTile
    withUnsafePointer(to: memory) { memory in
      rows.matrix.values.withUnsafeBufferPointer { values in
        centre.withUnsafeBufferPointer { centre in
          part.members.withUnsafeBufferPointer { members in
            functions.encode(
              memory, &panel, values.baseAddress, rows.norms, rows.dimension, centre.baseAddress, members.baseAddress, members.count)
          }
        }
      }
    }
    return panel
  }
}

// Functions of a processor's kernel, and nothing else.
extension hpa_search_kernel: @unchecked @retroactive Sendable {}
