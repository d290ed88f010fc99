import HPACore

/// The named tensors of a network: parameters, which are trained, and buffers, which are not.
///
/// Names are PyTorch's (`Conv2d_1a_3x3.conv.weight`), in the order in which the layers were made.
public final class ParameterStore {
  public struct Entry {
    public let name: String
    public let tensor: Tensor
    /// False for buffers such as `running_mean`.
    public let isParameter: Bool
  }

  public let device: Device
  public private(set) var entries: [Entry] = []
  private let generator: RandomGenerator

  /// - Parameter seed: of the first values of the parameters.
  public init(seed: UInt64, device: Device = .cpu) throws {
    self.device = device
    generator = try RandomGenerator(seed: seed)
  }

  public var root: ParameterPath { ParameterPath(store: self, name: "") }
  public var parameters: [Tensor] { entries.filter(\.isParameter).map(\.tensor) }

  /// How many numbers the parameters hold; buffers do not count.
  public func parameterCount() throws -> Int { try parameters.reduce(0) { try $0 + $1.count } }

  func add(_ name: String, _ tensor: Tensor, isParameter: Bool) throws -> Tensor {
    guard !entries.contains(where: { $0.name == name }) else { throw Failure(.software, "two tensors are called \(name)") }
    let placed = try (device == .cpu ? tensor : tensor.moved(to: device)).orderedAsImages()
    if isParameter { try placed.requireGradient() }
    entries.append(Entry(name: name, tensor: placed, isParameter: isParameter))
    return placed
  }

  func uniform(bound: Double, shape: [Int]) throws -> Tensor {
    try Tensor.uniform(-bound, bound, shape: shape, generator: generator)
  }
}

extension Tensor {
  /// Weights of convolutions with their channels last, as the images that they meet: else each pass would bring them into that order.
  fileprivate func orderedAsImages() throws -> Tensor { try shape.count == 4 ? channelsLast() : self }
}

/// A place in the tree of names: `path / "conv1"` is where the tensors of `conv1` go.
public struct ParameterPath {
  let store: ParameterStore
  let name: String

  public static func / (path: ParameterPath, child: String) -> ParameterPath {
    ParameterPath(store: path.store, name: path.name.isEmpty ? child : path.name + "." + child)
  }

  public static func / (path: ParameterPath, child: Int) -> ParameterPath { path / String(child) }

  /// A parameter that begins uniform in (-bound, bound).
  public func uniform(_ child: String, bound: Double, shape: [Int]) throws -> Tensor {
    try store.add((self / child).name, store.uniform(bound: bound, shape: shape), isParameter: true)
  }

  /// A parameter that begins as one number.
  public func constant(_ child: String, _ value: Double, shape: [Int]) throws -> Tensor {
    try store.add((self / child).name, Tensor.full(value, shape: shape), isParameter: true)
  }

  public func buffer(_ child: String, _ value: Double, shape: [Int], type: DataType = .float32) throws -> Tensor {
    try store.add((self / child).name, Tensor.full(value, shape: shape, type: type), isParameter: false)
  }
}

/// How a network is run.
public enum ForwardMode {
  /// Running statistics, no dropout.
  case evaluation
  /// The same numbers to the last digits, faster: trained weights that do not change any more.
  ///
  /// The operation that gives a result writes it to the place, where there is one.
  case inference(FusedConvolutions, into: ChannelPlace? = nil)
  /// The batch's own statistics; dropout where there is a generator to draw it from.
  case training(dropout: RandomGenerator?)

  /// The mode of operations whose results are taken up by others.
  public var inside: ForwardMode {
    if case .inference(let fused, _) = self { .inference(fused) } else { self }
  }

  public var isTraining: Bool {
    if case .training = self { true } else { false }
  }
}
