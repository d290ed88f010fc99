import Foundation
import HPACore
import HPATestSupport
import Testing

@testable import HPATorch

struct TorchFileTests {
  /// Every element type, and every way in which tensors lie in memory.
  static let sample = """
    import sys, torch, numpy, collections
    values = torch.tensor([[0.5, -1.25, 3.0], [65504.0, -0.0, 2 ** -14]])
    state = collections.OrderedDict((str(kind).split('.')[1], values.to(kind)) for kind in (torch.float64, torch.float32, torch.float16, torch.bfloat16))
    state['int64'], state['int32'] = torch.tensor([1 << 40, -7]), torch.tensor([-5, 6], dtype=torch.int32)
    state['uint8'], state['bool'] = torch.tensor([0, 255], dtype=torch.uint8), torch.tensor([True, False])
    base = torch.arange(24.).reshape(4, 6)
    state['whole'], state['window'], state['turned'], state['column'] = base, base[1:3, 2:5], base.t(), base[:, 3]
    state['scalar'], state['empty'], state['parameter'] = torch.tensor(4), torch.zeros(0, 3), torch.nn.Parameter(torch.ones(2))
    state['last'] = torch.arange(24.).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    state['short'] = torch.arange(6, dtype=torch.float16).reshape(2, 3).t()
    state._metadata = {'version': 1}
    kept = {'epoch': 3, 'state_dict': state, 'best': numpy.float64(0.25), 'names': {'a', 'b'}, 'rate': 0.1, 'long': 1 << 90, 'none': None,
            'optimizer': {'state': {0: {'momentum_buffer': torch.ones(3)}}, 'param_groups': [{'lr': 0.1, 'params': [0]}]},
            'function': print, 'arguments': __import__('argparse').Namespace(lr=0.1), 'bytes': b'abc', 'array': numpy.arange(3)}
    for protocol in (2, 4): torch.save(kept, f'{sys.argv[1]}/kept{protocol}.pth', pickle_protocol=protocol)
    torch.save(state, f'{sys.argv[1]}/plain.pth')
    torch.save({'model': state}, f'{sys.argv[1]}/model.pth')
    small = {'a': torch.arange(6.).reshape(2, 3).t(), 'b': torch.tensor([7])}
    torch.save(small, f'{sys.argv[1]}/small.pth')
    torch.save(small, f'{sys.argv[1]}/old file.pth', _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(2, 2), f'{sys.argv[1]}/module.pth')
    torch.save({'a': torch.zeros(2, dtype=torch.complex64)}, f'{sys.argv[1]}/complex.pth')
    torch.save({'a': torch.zeros(1).expand(1000)}, f'{sys.argv[1]}/expanded.pth')
    torch.save({'a': torch.zeros(1), 'b': 3}, f'{sys.argv[1]}/mixed.pth')
    """

  static func samples() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try Python.run(sample, [folder.path])
    return folder
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `files of torch.save are read, whatever their element types, strides and company`() throws {
    let folder = try TorchFileTests.samples()
    for name in ["kept2", "kept4", "plain", "model"] {
      let file = try TensorFiles.open(folder.path("\(name).pth"))
      #expect(file.names.count == 17 && file.names.first == "float64" && file.metadata.isEmpty)
      let values: [Float] = [0.5, -1.25, 3, 65504, -0.0, 0x1p-14]
      for type in ["float64", "float32", "float16"] { #expect(try file.floats(type) == values, "\(type)") }
      #expect(try file.floats("bfloat16") == [0.5, -1.25, 3, 65536, -0.0, 0x1p-14])
      #expect(try file.tensor("int64").values(of: Int64.self) == [1 << 40, -7])
      #expect(try file.tensor("int32").values(of: Int64.self) == [-5, 6])
      #expect(try file.floats("uint8") == [0, 255] && file.floats("bool") == [1, 0])
      let base = (0..<24).map(Float.init)
      #expect(try file.floats("whole") == base)
      #expect(try file.floats("window") == [8, 9, 10, 14, 15, 16] && file.entry("window").shape == [2, 3])
      #expect(try file.floats("turned") == (0..<6).flatMap { column in (0..<4).map { base[$0 * 6 + column] } })
      #expect(try file.floats("column") == [3, 9, 15, 21])
      #expect(try file.tensor("scalar").item() == 4 && file.tensor("empty").shape == [0, 3])
      #expect(try file.floats("parameter") == [1, 1] && file.floats("last") == base && file.floats("short") == [0, 3, 1, 4, 2, 5])
      #expect(throws: Failure.self) { try file.floats("absent") }
    }
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `what is no table of tensors is refused with a reason`() throws {
    let folder = try TorchFileTests.samples()
    for (name, reason) in [
      ("module", "state_dict()"), ("complex", "ComplexFloatStorage, which is not read here"), ("expanded", "reaches beyond its 1 elements"),
      ("mixed", "'b' in its dictionary of tensors is no tensor"),
    ] {
      let failure = #expect(throws: Failure.self, "\(name)") { try TensorFiles.open(folder.path("\(name).pth")) }
      #expect(failure?.kind == .badData && failure?.message.contains(reason) == true, "\(name): \(failure?.message ?? "")")
    }
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `an old file is refused with a command that converts it`() throws {
    let folder = try TorchFileTests.samples()
    let failure = #expect(throws: Failure.self) { try TensorFiles.open(folder.path("old file.pth")) }
    #expect(failure?.kind == .badData)
    let command = String(try #require(failure?.cure?.split(separator: ": ", maxSplits: 1).last))
    let line = command.replacing("python3", with: "'\(Python.executable)'", maxReplacements: 1)
    let result = try Subprocess.run("/bin/bash", ["-c", line], in: folder.path)
    #expect(result.status == 0, "\(result.standardError)")
    #expect(try TensorFiles.open(folder.path("old file.zip.pth")).floats("a") == [0, 3, 1, 4, 2, 5])
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `a file cut at any byte, or with any bits turned, gives a failure or the same values`() throws {
    let folder = try TorchFileTests.samples()
    let whole = try FileBytes.read(folder.path("small.pth"))
    let path = folder.path("hurt.pth")
    func read(_ bytes: [UInt8]) throws -> [Float]? {
      try Data(bytes).write(to: URL(filePath: path))
      do {
        let file = try TensorFiles.open(path)
        return try file.names.flatMap { try file.floats($0) }
      } catch let failure as Failure {
        #expect(failure.kind == .badData && failure.place.path == path)
        return nil
      }
    }
    let values = try #require(try read(whole))
    for count in whole.indices { #expect(try read(Array(whole[..<count])) == nil, "\(count) bytes") }
    var random = SeededGenerator(seed: testSeed())
    var refused = 0
    for _ in 0..<3000 {
      var hurt = whole
      for _ in 0...random.index(below: 3) { hurt[random.index(below: hurt.count)] = UInt8(random.index(below: 256)) }
      // What is left of the values is guarded by the archive's checksums; shapes and names as well.
      if let found = try read(hurt) { #expect(found == values) } else { refused += 1 }
    }
    #expect(refused > 1000)
  }
}

/// Pickles that no honest program writes, straight into the machine.
struct PickleReaderTests {
  private static func table(_ pickle: [UInt8]) throws -> [(name: String, view: TorchTensor)] {
    let (root, reader) = try PickleReader.read(Data(pickle))
    let table = try reader.tensorTable(root)
    for (_, view) in table {
      // The memory of any extent that is accepted can be walked.
      guard let (range, count) = view.extent, range.count < 1 << 20 else { continue }
      if !view.isRowMajor {
        #expect(view.gathered(UInt32.self, from: Data(count: 4 * range.count), count: count).count == 4 * count)
      }
    }
    return table
  }

  static func text(_ text: String) -> [UInt8] { [0x58] + number(UInt32(text.utf8.count)) + text.utf8 }
  static func number(_ number: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
  static func long(_ number: Int) -> [UInt8] { [0x8A, 8] + (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
  static func tuple(_ items: [[UInt8]]) -> [UInt8] { [0x28] + items.joined() + [0x74] }
  static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

  /// A dictionary of one tensor.
  static func pickle(count: Int = 24, offset: Int = 0, shape: [Int] = [4, 6], strides: [Int] = [6, 1]) -> [UInt8] {
    let storage = tuple([text("storage"), global("torch", "FloatStorage"), text("0"), text("cpu"), long(count)]) + [0x51]
    let arguments = tuple([storage, long(offset), tuple(shape.map(long)), tuple(strides.map(long)), [0x89], [0x4E]])
    return [0x80, 2, 0x7D] + text("a") + global("torch._utils", "_rebuild_tensor_v2") + arguments + [0x52, 0x73, 0x2E]
  }

  @Test func `a tensor is taken only where all of it lies in its storage`() throws {
    func extent(_ pickle: [UInt8]) throws -> Range<Int>? { try PickleReaderTests.table(pickle)[0].view.extent?.range }
    #expect(try extent(PickleReaderTests.pickle()) == 0..<24)
    #expect(try extent(PickleReaderTests.pickle(offset: 3, shape: [3, 4], strides: [1, 6])) == 3..<24)
    #expect(try extent(PickleReaderTests.pickle(shape: [0, .max], strides: [.max, .max])) == 0..<0)
    #expect(try extent(PickleReaderTests.pickle(shape: [1, 4], strides: [.max, 2])) == 0..<7)
    for (offset, shape, strides) in [
      (1, [4, 6], [6, 1]), (25, [0], [1]), (-1, [1], [1]), (.max, [2], [.max]), (0, [.max, .max], [1, 1]), (0, [2], [.max]),
      (0, [2, 2], [.max, .max]), (0, [25], [0]), (0, [4, 6], [6]), (0, [4], [6, 1]), (.min, [4], [1]),
    ] {
      #expect(try extent(PickleReaderTests.pickle(offset: offset, shape: shape, strides: strides)) == nil, "\(offset) \(shape) \(strides)")
    }
    #expect(throws: PickleReader.Fault.self) { try PickleReaderTests.table(PickleReaderTests.pickle(count: -1)) }
    #expect(throws: PickleReader.Fault.self) { try PickleReaderTests.table(PickleReaderTests.pickle(shape: [-4, -6])) }
    #expect(throws: PickleReader.Fault.self) { try PickleReaderTests.table(PickleReaderTests.pickle(strides: [-6, 1])) }
  }

  /// A checkpoint with a call of `os.system` beside its tensors.
  static func checkpoint(_ command: String) -> [UInt8] {
    let call = global("os", "system") + tuple([text(command)]) + [0x52]
    return [0x80, 2, 0x7D] + text("z") + call + [0x73] + text("state_dict") + pickle().dropFirst(2).dropLast() + [0x73, 0x2E]
  }

  @Test func `functions that a pickle names are not called`() throws {
    let folder = try TemporaryFolder()
    let table = try PickleReaderTests.table(PickleReaderTests.checkpoint("touch '\(folder.path("called"))'"))
    #expect(table.map(\.name) == ["a"])
    #expect(!FileManager.default.fileExists(atPath: folder.path("called")))
  }

  @Test(arguments: [
    ("nothing", [UInt8]()), ("an end without a value", [0x2E]), ("an unknown instruction", [0x80, 2, 0xFF]),
    ("a text longer than the file", [0x58, 0xFF, 0xFF, 0xFF, 0xFF]),
    ("a text of 2^64 - 1 bytes", [0x8D] + [UInt8](repeating: 0xFF, count: 8)),
    ("a text that is not UTF-8", [0x58, 1, 0, 0, 0, 0xFF, 0x2E]), ("a recall of nothing", [0x68, 7]), ("a mark that is not there", [0x74]),
    ("more than lies above the mark", [0x4E, 0x28, 0x85]), ("a key without a value", [0x7D, 0x28, 0x4E, 0x75]),
    ("a storage that is none", [0x4E, 0x51]), ("a list as the whole", [0x5D, 0x2E]), ("an empty dictionary", [0x7D, 0x2E]),
    ("a class without a line's end", Array("ctorch".utf8)),
    ("a dictionary of no pairs", global("collections", "OrderedDict") + [0x5D, 0x4E, 0x61, 0x85, 0x52]),
  ])
  func `a malformed pickle is refused`(fault: String, pickle: [UInt8]) {
    #expect(throws: PickleReader.Fault.self, "\(fault)") { try PickleReaderTests.table(pickle) }
  }

  @Test func `depth, cycles and repetition cost no more than the pickle's length`() throws {
    let many = 1 << 20
    // Containers in each other, a dictionary in itself, a list that grows by itself.
    #expect(throws: PickleReader.Fault.self) { try PickleReaderTests.table([UInt8](repeating: 0x5D, count: many)) }
    #expect(throws: PickleReader.Fault.self) { try PickleReaderTests.table([0x29] + [UInt8](repeating: 0x85, count: many) + [0x2E]) }
    #expect(throws: PickleReader.Fault.self) { try PickleReaderTests.table([UInt8](repeating: 0x28, count: many)) }
    let itself: [UInt8] = [0x7D, 0x71, 0] + PickleReaderTests.text("state_dict") + [0x68, 0, 0x73, 0x2E]
    #expect(throws: PickleReader.Fault.self) { try PickleReaderTests.table(itself) }
    // A shape of 100,000 lengths, asked for again and again with eight bytes each.
    let lengths = PickleReaderTests.tuple([[UInt8]](repeating: [0x4B, 1], count: 100_000))
    let storage = PickleReaderTests.tuple(
      [
        PickleReaderTests.text("storage"), PickleReaderTests.global("torch", "FloatStorage"), PickleReaderTests.text("0"),
        PickleReaderTests.text("cpu"), [0x4B, 1],
      ])
    let arguments = PickleReaderTests.tuple([storage + [0x51], [0x4B, 0], lengths + [0x71, 0], [0x68, 0]])
    let again = [[UInt8]](repeating: [0x68, 2, 0x68, 1, 0x52, 0x30], count: 100_000).joined()
    let growing = PickleReaderTests.global("torch._utils", "_rebuild_tensor_v2") + [0x71, 2] + arguments + [0x71, 1] + again + [0x2E]
    let failure = #expect(throws: PickleReader.Fault.self) { try PickleReaderTests.table(growing) }
    #expect(failure?.text == "its pickle asks for more than it holds")
  }

  @Test func `no pickle traps, wherever it ends and whatever its bytes are`() throws {
    let honest = PickleReaderTests.checkpoint("true")
    for count in honest.indices { #expect(throws: PickleReader.Fault.self) { try PickleReaderTests.table(Array(honest[..<count])) } }
    var random = SeededGenerator(seed: testSeed())
    var taken = 0
    for _ in 0..<20_000 {
      var hurt = honest
      for _ in 0...random.index(below: 4) { hurt[random.index(below: hurt.count)] = UInt8(random.index(below: 256)) }
      taken += (try? PickleReaderTests.table(hurt)) == nil ? 0 : 1
    }
    #expect(taken > 0)
    // Programs of instructions that are all known, on whatever the ones before have left.
    let instructions: [UInt8] =
      Array(0x28...0x32) + [0x4B, 0x4E, 0x51, 0x52, 0x5D, 0x61, 0x62, 0x64, 0x65, 0x68, 0x6C, 0x71, 0x73, 0x74, 0x75, 0x7D]
      + Array(0x81...0x96)
    for _ in 0..<20_000 {
      var program = Array(honest.prefix(random.index(below: honest.count)))
      for _ in 0..<random.index(below: 40) {
        program.append(instructions[random.index(below: instructions.count)])
        if random.index(below: 3) == 0 { program.append(UInt8(random.index(below: 4))) }
      }
      _ = try? PickleReaderTests.table(program + [0x2E])
    }
  }
}
