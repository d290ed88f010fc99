import Foundation
import HPACore
import HPATestSupport
import HPATorch
import Testing

/// A small network with every kind of layer, and PyTorch's own course of the same training.
struct OptimiserTests {
  static let reference = """
    import json, sys, torch; torch.set_num_threads(1)
    from safetensors.numpy import save_file
    torch.manual_seed(int(sys.argv[2]))
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1, bias=False), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
                              torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(8 * 16, 5))
    x, y = torch.randn(16, 3, 8, 8), (torch.rand(16, 5) > 0.5).float()
    state = {k: v.clone() for k, v in net.state_dict().items()}
    save_file({k: v.numpy() for k, v in {**state, "x": x, "y": y}.items()}, sys.argv[1])
    optimisers = {
      'sgd': lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2),
      'nesterov': lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2, nesterov=True),
      'plain': lambda p: torch.optim.SGD(p, lr=0.1),
      'adam': lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=1e-2),
      'rmsprop': lambda p: torch.optim.RMSprop(p, lr=0.01, weight_decay=1e-2),
    }
    schedulers = {'step': lambda o: torch.optim.lr_scheduler.StepLR(o, 6, 0.1), 'exponential': lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9)}
    course = {}
    for name, make in optimisers.items():
      for schedule, make_schedule in schedulers.items():
        for loss_name, loss_function in (('mlsm', torch.nn.MultiLabelSoftMarginLoss()), ('bce', torch.nn.BCEWithLogitsLoss())):
          net.load_state_dict(state); net.train()
          optimiser = make(net.parameters()); scheduler = make_schedule(optimiser)
          losses = []
          for _ in range(20):
            optimiser.zero_grad(); loss = loss_function(net(x), y); loss.backward(); optimiser.step(); scheduler.step()
            losses.append(loss.item())
          course[f'{name} {schedule} {loss_name}'] = losses
    print(json.dumps(course))
    """

  struct Network {
    let store: ParameterStore
    let convolution: Convolution
    let norm: BatchNorm
    let linear: Linear

    init() throws {
      store = try ParameterStore(seed: 0)
      convolution = try Convolution(store.root / 0, 3, 8, kernel: 3, padding: 1)
      norm = try BatchNorm(store.root / 1, 8)
      linear = try Linear(store.root / 5, 8 * 16, 5)
    }

    func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor {
      try linear(norm(convolution(input), mode).relu().maxPooled(kernel: 2, stride: 2).flattened())
    }
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `twenty steps of every optimiser, schedule and loss have PyTorch's losses`() throws {
    try TorchLibrary.setThreads(1)
    let folder = try TemporaryFolder()
    let path = folder.path("network.safetensors")
    let printed = try Python.run(OptimiserTests.reference, [path, String(testSeed() >> 1)])
    let course = try JSONDecoder().decode([String: [Double]].self, from: Data(printed.utf8))
    #expect(course.count == 20)
    let file = try SafetensorsFile(path)
    let (x, y) = (try file.tensor("x"), try file.tensor("y"))
    for (name, expected) in course {
      let network = try Network()
      try network.store.load(RenamedTensors(file) { ["x", "y"].contains($0) ? nil : $0 })
      let words = name.split(separator: " ")
      let optimiser = try OptimiserTests.optimiser(String(words[0]), network.store.parameters)
      let schedule: LearningRateSchedule = words[1] == "step" ? .step(epochs: 6, gamma: 0.1) : .exponential(gamma: 0.9)
      let initial = optimiser.learningRate
      for step in 0..<20 {
        optimiser.learningRate = schedule.learningRate(initial: initial, epoch: step)
        try optimiser.clearGradients()
        let logits = try network(x, .training(dropout: nil))
        let loss = try words[2] == "mlsm" ? logits.multilabelSoftMarginLoss(targets: y) : logits.binaryCrossEntropyWithLogits(targets: y)
        try loss.backward()
        try optimiser.step()
        #expect(abs(try loss.item() - expected[step]) <= 1e-5, "\(name), step \(step)")
      }
      #expect(try network.norm.batchesTracked.item() == 20)
    }
  }

  private static func optimiser(_ name: String, _ parameters: [Tensor]) throws -> any Optimiser {
    switch name {
    case "sgd": try SGD(parameters, learningRate: 0.1, momentum: 0.9, weightDecay: 1e-2)
    case "nesterov": try SGD(parameters, learningRate: 0.1, momentum: 0.9, weightDecay: 1e-2, isNesterov: true)
    case "plain": try SGD(parameters, learningRate: 0.1)
    case "adam": try Adam(parameters, learningRate: 0.01, weightDecay: 1e-2)
    default: try RMSprop(parameters, learningRate: 0.01, weightDecay: 1e-2)
    }
  }
}
