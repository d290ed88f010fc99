// swift-tools-version: 6.1
import PackageDescription

let torch = Context.packageDirectory + "/.deps/libtorch"

let swiftSettings: [SwiftSetting] = [
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
]

let optimised: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

func room(_ name: String, _ dependencies: [Target.Dependency], settings: [SwiftSetting] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings + settings)
}

func tests(_ room: String, _ dependencies: [Target.Dependency] = [], scripts: [String] = []) -> Target {
  .testTarget(
    name: room + "Tests", dependencies: [.byName(name: room), "HPATestSupport"] + (room == "HPACore" ? [] : ["HPACore"]) + dependencies,
    exclude: scripts, swiftSettings: swiftSettings)
}

/// libFuzzer's program, which only scripts/fuzz can link: it needs -sanitize=fuzzer.
let fuzzer: [Target] =
  Context.environment["HPA_FUZZ"] == nil
  ? []
  : [
    .executableTarget(
      name: "hpa-fuzz", dependencies: ["HPAFuzzTargets", "HPATestSupport"], path: "Tests/HPAFuzz", swiftSettings: swiftSettings)
  ]

let package = Package(
  name: "hpa-feat",
  products: [
    .executable(name: "hpa-feat", targets: ["hpa-feat"]),
    // Loaded at run time, and only by verbs that need a network: LibTorch alone takes a third of a second to load.
    .library(name: "HPATorchShim", type: .dynamic, targets: ["CTorchShim"]),
    // The same for indexes: Faiss brings an OpenMP runtime, and LibTorch wants its own.
    .library(name: "HPAFaissShim", type: .dynamic, targets: ["CFaissShim"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: [
    // Bridges to C and C++ libraries.
    .target(name: "CTorchABI"),
    // Convolutions of our own: plain C++, which needs no LibTorch.
    .target(name: "CConvolutionKernels", cxxSettings: [.unsafeFlags(["-fvisibility=hidden"])]),
    .target(
      name: "CTorchShim", dependencies: ["CConvolutionKernels"],
      cxxSettings: [
        .headerSearchPath("../CConvolutionKernels"),
        // The ABI's header by its path: as a dependency it would come as a Clang module, which C++ cannot use here.
        .headerSearchPath("../CTorchABI/include"),
        .unsafeFlags(["-isystem", torch + "/include", "-isystem", torch + "/include/torch/csrc/api/include", "-fvisibility=hidden"]),
        // Templates of LibTorch 2.11 are named as the GCC that it is built with names them, and Clang until 17.
        .unsafeFlags(["-fclang-abi-compat=17"]),
      ],
      linkerSettings: [
        .unsafeFlags(["-L" + torch + "/lib", "-Xlinker", "-rpath", "-Xlinker", torch + "/lib"]),
        // `torch` brings CUDA's kernels where it has any.
        .linkedLibrary("torch"), .linkedLibrary("torch_cpu"), .linkedLibrary("c10"),
      ]),
    .target(
      name: "CImageCodecs",
      linkerSettings: ["png", "tiff", "jpeg", "deflate", "z"].map { .linkedLibrary($0) }),
    // Optimised in debug builds, too, as the room that it works for.
    .target(name: "CSearchKernels", cSettings: [.unsafeFlags(["-O2"], .when(configuration: .debug))]),
    .target(name: "CFaissABI"),
    .target(
      name: "CFaissShim", cxxSettings: [.headerSearchPath("../CFaissABI/include"), .unsafeFlags(["-fvisibility=hidden"])],
      linkerSettings: [.linkedLibrary("faiss"), .linkedLibrary("gomp"), .linkedLibrary("openblas")]),
    .systemLibrary(name: "CLMDB"),
    .systemLibrary(name: "CDeflate"),
    .systemLibrary(name: "CZip"),
    // Opens the HDF5 library itself, at the first use.
    .target(name: "CHDF5"),
    .systemLibrary(name: "COpenSSL"),
    .systemLibrary(name: "COpenBLAS"),
    .systemLibrary(name: "CCairo", pkgConfig: "cairo"),

    // Rooms.
    room("HPACore", []),
    room("HPATorch", ["HPACore", "CTorchABI", "CZip"]),
    room("HPAImages", ["HPACore", "CImageCodecs", "COpenSSL"]),
    room("HPADatasets", ["HPACore", "HPAImages"]),
    room("HPASynthetic", ["HPACore", "HPAImages"]),
    room("HPABackbones", ["HPACore", "HPATorch"]),
    // Optimised in debug builds, too: their tests look at every page of many stores, and at tens of millions of pairs.
    room("HPAStore", ["HPACore", "CLMDB", "CDeflate", "CHDF5", "COpenSSL", "CZip"], settings: optimised),
    room("HPAIndex", ["HPACore", "CFaissABI", "COpenBLAS", "CSearchKernels"], settings: optimised),
    room("HPAStacker", ["HPACore", "HPATorch"]),
    room("HPABlend", ["HPACore"]),
    room("HPAPictures", ["HPACore", "CCairo"]),
    room(
      "HPACommands",
      [
        "HPACore", "HPATorch", "HPAImages", "HPADatasets", "HPASynthetic", "HPABackbones", "HPAStore", "HPAIndex", "HPAStacker", "HPABlend",
        "HPAPictures", "Yams", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(name: "hpa-feat", dependencies: ["HPACommands"], swiftSettings: swiftSettings),

    .executableTarget(
      name: "store-bench", dependencies: ["HPACore", "HPAStore"], path: "Benchmarks/StoreBench", swiftSettings: swiftSettings),
    .executableTarget(
      name: "network-bench", dependencies: ["HPACore", "HPABackbones", "HPAImages", "HPATorch"], path: "Benchmarks/NetworkBench",
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "decode-bench", dependencies: ["HPACore", "HPAImages"], path: "Benchmarks/DecodeBench", swiftSettings: swiftSettings),
    .executableTarget(
      name: "training-bench", dependencies: ["HPACore", "HPABackbones", "HPAImages", "HPATorch"], path: "Benchmarks/TrainingBench",
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "stacker-bench", dependencies: ["HPACore", "HPAImages", "HPAStacker", "HPATorch"], path: "Benchmarks/StackerBench",
      swiftSettings: swiftSettings),

    // Tests.
    .target(
      name: "CConvolutionHarness", dependencies: ["CConvolutionKernels"], path: "Tests/CConvolutionHarness",
      cxxSettings: [.headerSearchPath("../../Sources/CConvolutionKernels")]),
    .testTarget(
      name: "CConvolutionKernelsTests", dependencies: ["CConvolutionHarness", "HPACore", "HPATestSupport"], swiftSettings: swiftSettings),
    .target(
      name: "HPATestSupport", dependencies: ["HPACore"], path: "Tests/HPATestSupport",
      // Optimised in debug builds, too: it compares networks number by number.
      swiftSettings: swiftSettings + optimised),
    tests("HPACore"),
    tests("HPATorch"),
    tests("HPAImages"),
    tests("HPADatasets", ["HPAImages"]),
    tests("HPASynthetic", ["HPAImages"]),
    tests("HPABackbones", ["HPATorch"]),
    tests("HPAStore", scripts: ["read_store.py"]),
    tests("HPAIndex", ["CSearchKernels"], scripts: ["nearest_oracle.py"]),
    tests("HPAStacker", ["HPATorch"]),
    tests("HPABlend"),
    tests("HPAPictures"),
    tests("HPACommands", ["HPABackbones", "HPAImages", "HPAIndex", "HPAStore", "HPATorch"], scripts: ["check_outputs.py"]),

    // What fuzzing feeds: the readers of foreign files, one file a target (docs/fuzzing.md).
    .target(
      name: "HPAFuzzTargets",
      dependencies: [
        "HPACore", "HPAImages", "HPADatasets", "HPATorch", "HPABackbones", "HPAStore", "HPAIndex", "HPABlend", "HPACommands",
        "HPATestSupport",
      ],
      path: "Tests/HPAFuzzTargets", swiftSettings: swiftSettings),
    .testTarget(
      name: "HPAFuzzTests", dependencies: ["HPAFuzzTargets", "HPACommands", "HPACore", "HPAImages", "HPAStore", "HPATestSupport"],
      exclude: ["Regressions"],
      swiftSettings: swiftSettings),
  ] + fuzzer,
  cxxLanguageStandard: .cxx20
)
