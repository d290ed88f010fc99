import Foundation

/// A reader of Python's pickles that knows what tables of tensors are made of, and executes nothing.
///
/// A pickle is a program for a machine with a stack; Python's own machine calls whatever function the program names. This one knows
/// dictionaries, sequences, numbers, texts, and the few constructors of PyTorch (`PickleReader+Torch.swift`); everything else becomes
/// `.opaque`. Made for hostile input: containers lie in arrays and are referred to by index, so that neither cycles nor depth do harm; each
/// instruction checks what it takes; memory is bounded by a small multiple of the pickle's length.
///
/// The instructions: pickletools of the Python standard library, protocols 2 to 5 as `torch.save` writes them.
struct PickleReader {
  enum Value {
    case none
    case integer(Int)
    case text(String)
    /// A tuple or a list.
    case sequence(Int)
    case dictionary(Int)
    /// Module and name of a class or function.
    case global(String)
    case storage(Int)
    case tensor(Int)
    /// What tables of tensors do not need: other numbers, bytes, sets, objects.
    case opaque
  }

  struct Fault: Error {
    let text: String
    init(_ text: String) { self.text = text }
  }

  private(set) var sequences: [[Value]] = []
  private(set) var dictionaries: [[(key: Value, value: Value)]] = []
  var storages: [TorchStorage] = []
  var tensors: [TorchTensor] = []

  private let bytes: Data
  private var position: Int
  private var stack: [Value] = []
  /// Heights of the stack; nothing below the last one can be taken.
  private var marks: [Int] = []
  private var memo: [Int: Value] = [:]
  /// How many elements may still be copied from one container into another. What a pickle can ask for again and again with a few bytes
  /// would otherwise grow beyond all bounds.
  private var allowance: Int

  private init(_ bytes: Data) {
    self.bytes = bytes
    position = bytes.startIndex
    allowance = bytes.count
  }

  /// Runs the whole program. Returns what it leaves, with the machine that keeps the containers.
  static func read(_ bytes: Data) throws(Fault) -> (root: Value, reader: PickleReader) {
    var reader = PickleReader(bytes)
    while true {
      let code = try reader.byte()
      if code == UInt8(ascii: ".") { return (try reader.pop(), reader) }
      guard let instruction = Instruction(rawValue: code) else {
        throw Fault("its pickle uses the instruction 0x\(String(code, radix: 16)), which tables of tensors do not need")
      }
      try reader.execute(instruction)
    }
  }

  // MARK: For PickleReader+Torch.swift

  mutating func makeSequence(_ values: [Value]) -> Value {
    sequences.append(values)
    return .sequence(sequences.count - 1)
  }

  mutating func makeDictionary(_ items: [(key: Value, value: Value)] = []) -> Value {
    dictionaries.append(items)
    return .dictionary(dictionaries.count - 1)
  }

  /// To be called before `count` elements are copied.
  mutating func spend(_ count: Int) throws(Fault) {
    guard count <= allowance else { throw Fault("its pickle asks for more than it holds") }
    allowance -= count
  }

  // MARK: Bytes

  private mutating func byte() throws(Fault) -> UInt8 { try take(1).first ?? 0 }

  private mutating func take(_ count: Int) throws(Fault) -> Data {
    guard count >= 0, count <= bytes.endIndex - position else { throw Fault("its pickle ends early") }
    defer { position += count }
    return bytes[position..<position + count]
  }

  /// Little-endian, up to 8 bytes.
  private mutating func unsigned(_ count: Int) throws(Fault) -> UInt64 {
    try take(count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
  }

  /// A length of `count` bytes, and as many bytes as it says.
  private mutating func counted(_ count: Int) throws(Fault) -> Data {
    guard let length = Int(exactly: try unsigned(count)) else { throw Fault("its pickle ends early") }
    return try take(length)
  }

  private mutating func text(_ data: Data) throws(Fault) -> String {
    guard let text = String(validating: data, as: UTF8.self) else { throw Fault("its pickle holds a text that is not UTF-8") }
    return text
  }

  private mutating func line() throws(Fault) -> String {
    guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else { throw Fault("its pickle ends early") }
    defer { position = end + 1 }
    return try text(bytes[position..<end])
  }

  /// Two's complement of any length; longer ones than an `Int` are opaque.
  private mutating func long(_ data: Data) -> Value {
    guard data.count <= 8 else { return .opaque }
    let bits = data.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let unused = 64 - 8 * data.count
    return .integer(data.isEmpty ? 0 : Int(Int64(bitPattern: bits << UInt64(unused)) >> Int64(unused)))
  }

  // MARK: The stack

  private mutating func pop() throws(Fault) -> Value {
    guard stack.count > marks.last ?? 0 else { throw Fault("its pickle takes what is not there") }
    return stack.removeLast()
  }

  private func top() throws(Fault) -> Value {
    guard stack.count > marks.last ?? 0, let value = stack.last else { throw Fault("its pickle takes what is not there") }
    return value
  }

  /// The `count` uppermost values, lowest first.
  private mutating func pop(_ count: Int) throws(Fault) -> [Value] {
    guard stack.count - count >= marks.last ?? 0 else { throw Fault("its pickle takes what is not there") }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popToMark() throws(Fault) -> [Value] {
    guard let mark = marks.popLast() else { throw Fault("its pickle takes what is not there") }
    defer { stack.removeLast(stack.count - mark) }
    return Array(stack[mark...])
  }

  private func memorized(_ index: UInt64) throws(Fault) -> Value {
    guard let key = Int(exactly: index), let value = memo[key] else { throw Fault("its pickle recalls what it never kept") }
    return value
  }

  private mutating func memorize(_ index: UInt64) throws(Fault) { memo[Int(index)] = try top() }

  /// Appends to the list on top; other objects take their elements in silence.
  private mutating func append(_ values: [Value]) throws(Fault) {
    if case .sequence(let index) = try top() { sequences[index] += values }
  }

  private mutating func set(_ values: [Value]) throws(Fault) {
    if case .dictionary(let index) = try top() { dictionaries[index] += try pairs(values) }
  }

  private func pairs(_ values: [Value]) throws(Fault) -> [(key: Value, value: Value)] {
    guard values.count.isMultiple(of: 2) else { throw Fault("its pickle gives a key without a value") }
    return stride(from: 0, to: values.count, by: 2).map { (values[$0], values[$0 + 1]) }
  }

  // MARK: Instructions

  private enum Instruction: UInt8 {
    case mark = 0x28, emptyTuple = 0x29, pop = 0x30, popMark = 0x31, duplicate = 0x32
    case bytes4 = 0x42, bytes1 = 0x43, double = 0x47, integer4 = 0x4A, integer1 = 0x4B, integer2 = 0x4D, none = 0x4E
    case persistent = 0x51, reduce = 0x52, string4 = 0x54, string1 = 0x55, unicode4 = 0x58, emptyList = 0x5D
    case append = 0x61, build = 0x62, global = 0x63, dictionary = 0x64, appends = 0x65, get1 = 0x68, get4 = 0x6A, list = 0x6C
    case put1 = 0x71, put4 = 0x72, set = 0x73, tuple = 0x74, sets = 0x75, emptyDictionary = 0x7D
    case `protocol` = 0x80, new = 0x81, tuple1 = 0x85, tuple2 = 0x86, tuple3 = 0x87, yes = 0x88, no = 0x89, long1 = 0x8A, long4 = 0x8B
    case unicode1 = 0x8C, unicode8 = 0x8D, bytes8 = 0x8E, emptySet = 0x8F, addToSet = 0x90, frozenSet = 0x91, newWithKeywords = 0x92
    case globalFromStack = 0x93, memorize = 0x94, frame = 0x95, byteArray = 0x96
  }

  private mutating func execute(_ instruction: Instruction) throws(Fault) {
    switch instruction {
    case .protocol: _ = try take(1)
    case .frame: _ = try take(8)
    case .mark: marks.append(stack.count)
    case .pop: _ = try pop()
    case .popMark: _ = try popToMark()
    case .duplicate: stack.append(try top())

    case .none: stack.append(.none)
    case .yes, .no: stack.append(.opaque)
    case .integer1, .integer2: stack.append(.integer(Int(try unsigned(instruction == .integer1 ? 1 : 2))))
    case .integer4: stack.append(long(try take(4)))
    case .long1: stack.append(long(try counted(1)))
    case .long4: stack.append(long(try counted(4)))
    case .double:
      _ = try take(8)
      stack.append(.opaque)

    case .unicode1: stack.append(.text(try text(try counted(1))))
    case .unicode4: stack.append(.text(try text(try counted(4))))
    case .unicode8: stack.append(.text(try text(try counted(8))))
    // Texts of Python 2, or its bytes.
    case .string1, .string4:
      let data = try counted(instruction == .string1 ? 1 : 4)
      stack.append(String(validating: data, as: UTF8.self).map { .text($0) } ?? .opaque)
    case .bytes1, .bytes4, .bytes8, .byteArray:
      _ = try counted(instruction == .bytes1 ? 1 : instruction == .bytes4 ? 4 : 8)
      stack.append(.opaque)

    case .emptyTuple, .emptyList: stack.append(makeSequence([]))
    case .tuple, .list: stack.append(makeSequence(try popToMark()))
    case .tuple1: stack.append(makeSequence(try pop(1)))
    case .tuple2: stack.append(makeSequence(try pop(2)))
    case .tuple3: stack.append(makeSequence(try pop(3)))
    case .append: try append(try pop(1))
    case .appends: try append(try popToMark())
    case .emptyDictionary: stack.append(makeDictionary())
    case .dictionary: stack.append(makeDictionary(try pairs(try popToMark())))
    case .set: try set(try pop(2))
    case .sets: try set(try popToMark())
    case .emptySet: stack.append(.opaque)
    case .addToSet:
      _ = try popToMark()
      _ = try top()
    case .frozenSet:
      _ = try popToMark()
      stack.append(.opaque)

    case .put1: try memorize(try unsigned(1))
    case .put4: try memorize(try unsigned(4))
    case .memorize: try memorize(UInt64(memo.count))
    case .get1: stack.append(try memorized(try unsigned(1)))
    case .get4: stack.append(try memorized(try unsigned(4)))

    case .global: stack.append(.global("\(try line()) \(try line())"))
    case .globalFromStack:
      let words = try pop(2)
      guard case .text(let module) = words[0], case .text(let name) = words[1] else { throw Fault("its pickle names a class by no text") }
      stack.append(.global("\(module) \(name)"))
    case .persistent: stack.append(try persistent(try pop()))
    case .reduce, .new:
      let call = try pop(2)
      stack.append(try made(by: call[0], call[1]))
    case .newWithKeywords:
      _ = try pop(3)
      stack.append(.opaque)
    // The state of an object: the `_metadata` of a module's table, or what is opaque already.
    case .build: _ = try pop()
    }
  }
}
