/// The memory behind tensors: a file of the archive.
struct TorchStorage {
  /// PyTorch's name of the class, such as `torch FloatStorage`.
  let className: String
  /// The name of the file below `data/`.
  let key: String
  /// Elements.
  let count: Int

  /// Nil for element types that are not read here.
  var type: StoredType? {
    switch className {
    case "torch DoubleStorage": .float64
    case "torch FloatStorage": .float32
    case "torch HalfStorage": .float16
    case "torch BFloat16Storage": .bfloat16
    case "torch LongStorage": .int64
    case "torch IntStorage": .int32
    case "torch ByteStorage": .uint8
    case "torch BoolStorage": .bool
    default: nil
    }
  }
}

/// A window on a storage: the element (i, j, ...) stands at offset + i * strides[0] + j * strides[1] + ...
struct TorchTensor {
  let storage: TorchStorage
  let offset: Int
  let shape: [Int]
  let strides: [Int]
}

/// What PyTorch's pickles call.
extension PickleReader {
  /// `('storage', class, key, device, count)`: how torch.save refers to a storage.
  mutating func persistent(_ identity: Value) throws(Fault) -> Value {
    guard case .sequence(let index) = identity, sequences[index].count >= 5, case .text("storage") = sequences[index][0],
      case .global(let className) = sequences[index][1], case .text(let key) = sequences[index][2],
      case .integer(let count) = sequences[index][4], count >= 0
    else { throw Fault("its pickle refers to something that is no storage") }
    storages.append(TorchStorage(className: className, key: key, count: count))
    return .storage(storages.count - 1)
  }

  /// What calling `callee` with `arguments` would give, if it is one of the constructors known here; nothing is called.
  mutating func made(by callee: Value, _ arguments: Value) throws(Fault) -> Value {
    guard case .global(let name) = callee, case .sequence(let index) = arguments else { return .opaque }
    switch name {
    case "collections OrderedDict": return try orderedDictionary(index)
    case "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor": return try tensor(index)
    case "torch._utils _rebuild_parameter", "torch._utils _rebuild_parameter_with_state":
      guard case .tensor(let tensor)? = sequences[index].first else { return .opaque }
      return .tensor(tensor)
    default: return .opaque
    }
  }

  /// Empty, or from a list of pairs as Python 2 wrote it.
  private mutating func orderedDictionary(_ arguments: Int) throws(Fault) -> Value {
    guard case .sequence(let list)? = sequences[arguments].first else { return makeDictionary() }
    try spend(sequences[list].count)
    var items: [(key: Value, value: Value)] = []
    for item in sequences[list] {
      guard case .sequence(let pair) = item, sequences[pair].count == 2 else { throw Fault("its pickle makes a dictionary of no pairs") }
      items.append((sequences[pair][0], sequences[pair][1]))
    }
    return makeDictionary(items)
  }

  /// Arguments: storage, offset, shape, strides, and what has no part in the values.
  private mutating func tensor(_ arguments: Int) throws(Fault) -> Value {
    guard sequences[arguments].count >= 4, case .storage(let storage) = sequences[arguments][0],
      case .integer(let offset) = sequences[arguments][1], case .sequence(let shape) = sequences[arguments][2],
      case .sequence(let strides) = sequences[arguments][3]
    else { throw Fault("its pickle makes a tensor of something that is no storage") }
    let tensor = TorchTensor(storage: storages[storage], offset: offset, shape: try lengths(shape), strides: try lengths(strides))
    tensors.append(tensor)
    return .tensor(tensors.count - 1)
  }

  private mutating func lengths(_ index: Int) throws(Fault) -> [Int] {
    try spend(sequences[index].count)
    var lengths: [Int] = []
    for value in sequences[index] {
      guard case .integer(let length) = value, length >= 0 else { throw Fault("its pickle gives a tensor a length that is no length") }
      lengths.append(length)
    }
    return lengths
  }
}
