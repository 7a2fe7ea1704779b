// swift-tools-version: 6.2
import PackageDescription

/// The commit that is built: of the checkout, or where there is none, as in an image, of the environment.
let commit = (Context.environment["BYOL_COMMIT"] ?? Context.gitInformation?.currentCommit ?? "")
  .filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-+.".contains($0)) }

let package = Package(
  name: "byol",
  products: [.executable(name: "byol", targets: ["CommandLineTool"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // System libraries: a module map and one shim header each; each has exactly one Swift importer.
    .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(
      name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
    .target(
      name: "CImageCodecs",
      cSettings: [.unsafeFlags(["-O3"])],
      linkerSettings: [
        .linkedLibrary("jpeg"), .linkedLibrary("png16"), .linkedLibrary("z"),
        .linkedLibrary("webp"), .linkedLibrary("webpdemux"), .linkedLibrary("gif"),
      ]),
    .target(name: "CSystem"),
    .target(name: "CProcess"),
    .target(name: "CBuild", cSettings: [.define("BYOL_COMMIT", to: "\"\(commit)\"")]),
    .target(name: "CDigest", cSettings: [.unsafeFlags(["-O3"])]),
    .target(
      name: "CKernels", cxxSettings: [.unsafeFlags(["-O3"])],
      linkerSettings: [.linkedLibrary("gomp")]),

    // The ground: what every floor above may use.
    .target(name: "Durability", dependencies: ["CDigest", "CSystem"]),
    .target(name: "Threads"),
    .target(name: "Identifiers"),
    .target(name: "Randomness"),
    .target(name: "JSONTree"),
    .target(name: "Metrics"),

    // The engine.
    .target(name: "Tensors"),
    .target(name: "TensorGraph", dependencies: ["Tensors"]),
    .target(name: "ReferenceLowering", dependencies: ["TensorGraph", "Tensors"]),
    .target(
      name: "OneDNNLowering", dependencies: ["TensorGraph", "Tensors", "COneDNN", "CKernels"]),
    .target(name: "Engines", dependencies: ["TensorGraph", "ReferenceLowering", "OneDNNLowering"]),
    .target(name: "ONNX", dependencies: ["TensorGraph", "Tensors", "Durability"]),

    // Networks and pictures.
    .target(name: "NeuralNetworks", dependencies: ["TensorGraph", "Tensors", "Randomness"]),
    .target(name: "Images", dependencies: ["Randomness", "Threads", "CImageCodecs"]),
    .target(
      name: "Datasets",
      dependencies: ["Images", "Randomness", "Durability", "Threads", "CArchive"]),
    .target(name: "Checkpoints", dependencies: ["Durability", "Tensors", "JSONTree"]),

    // Learning.
    .target(
      name: "Methods",
      dependencies: ["NeuralNetworks", "TensorGraph", "Tensors", "Images", "Metrics"]),
    .target(
      name: "Recipes",
      dependencies: [
        "Methods", "NeuralNetworks", "TensorGraph", "Tensors", "Datasets", "Images", "JSONTree",
      ]),
    .target(
      name: "Evaluation", dependencies: ["Tensors", "Randomness", "Threads", "COpenBLAS"]),
    .target(
      name: "Encoders",
      dependencies: [
        "Recipes", "Checkpoints", "Durability", "NeuralNetworks", "TensorGraph", "Tensors",
        "Images", "Randomness", "ONNX",
      ]),
    .target(
      name: "Training",
      dependencies: [
        "Methods", "Recipes", "Evaluation", "Encoders", "Checkpoints", "Durability", "Datasets",
        "Images", "NeuralNetworks", "TensorGraph", "Tensors", "Randomness", "JSONTree", "Metrics",
      ]),

    // The service.
    .target(
      name: "EmbeddingService",
      dependencies: ["Encoders", "Threads", "TensorGraph", "Tensors", "Images"]),
    .target(
      name: "Retrieval",
      dependencies: [
        "EmbeddingService", "Datasets", "Images", "Durability", "Threads", "Tensors", "TensorGraph",
        "Identifiers", "JSONTree", "CKernels",
      ]),
    .target(
      name: "ModelLibrary",
      dependencies: [
        "EmbeddingService", "Encoders", "Checkpoints", "Recipes", "NeuralNetworks", "Images",
        "Durability", "Threads", "Identifiers", "JSONTree",
      ]),
    .target(
      name: "DatasetLibrary",
      dependencies: [
        "Recipes", "Datasets", "Images", "Durability", "Threads", "Identifiers", "JSONTree",
      ]),
    .target(
      name: "Runs",
      dependencies: [
        "Training", "Evaluation", "Recipes", "NeuralNetworks", "Checkpoints", "Durability",
        "Identifiers", "JSONTree", "Metrics", "CProcess",
      ]),
    .target(
      name: "RunDatabase",
      dependencies: [
        "Runs", "Training", "Identifiers", "JSONTree", "Durability", "Metrics",
        .product(name: "GRDB", package: "GRDB.swift"),
      ]),
    .target(name: "Access", dependencies: ["Durability", "Identifiers", "JSONTree"]),
    .target(
      name: "HTTP",
      dependencies: [
        "CSystem", "COpenSSL", "CZlib", .product(name: "Logging", package: "swift-log"),
      ]),
    .target(
      name: "API",
      dependencies: [
        "Access", "HTTP", "Runs", "Training", "Evaluation", "DatasetLibrary", "ModelLibrary",
        "EmbeddingService",
        "Datasets",
        "Images", "Recipes", "JSONTree", "Metrics", "Checkpoints", "Durability", "Threads",
        "Identifiers", "NeuralNetworks", "TensorGraph", "Encoders", "Retrieval", "ONNX",
        .product(name: "Logging", package: "swift-log"),
      ]),
    // Its product is called `byol`; no folder differs from another's name in case only.
    .executableTarget(
      name: "CommandLineTool",
      dependencies: [
        "API", "Access", "HTTP", "Runs", "RunDatabase", "DatasetLibrary", "ModelLibrary",
        "EmbeddingService",
        "Encoders",
        "Checkpoints", "Training", "Evaluation", "Recipes", "Datasets", "Images", "NeuralNetworks",
        "TensorGraph", "Tensors", "Engines", "JSONTree", "Metrics", "Durability", "Threads",
        "Randomness", "Identifiers", "Retrieval", "ONNX", "CBuild",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Yams", package: "Yams"),
      ]),
    .executableTarget(
      name: "http-echo",
      dependencies: ["HTTP", "CDigest", .product(name: "Logging", package: "swift-log")],
      path: "Tests/http-echo"),
    .executableTarget(
      name: "run-service",
      dependencies: [
        "Runs", "RunDatabase", "Checkpoints", "Durability", "Training", "Recipes", "Tensors",
        "JSONTree", "Identifiers", "Metrics",
      ],
      path: "Tests/run-service"),

    // Tests, one target per module; `Tests/ServiceTests` drives the real binary.
    .testTarget(name: "RandomnessTests", dependencies: ["Randomness"]),
    .testTarget(name: "TensorsTests", dependencies: ["Tensors"]),
    .testTarget(
      name: "NeuralNetworksTests",
      dependencies: ["NeuralNetworks", "TensorGraph", "Tensors", "Randomness"]),
    .testTarget(
      name: "EngineTests",
      dependencies: [
        "Engines", "TensorGraph", "Tensors", "ReferenceLowering", "OneDNNLowering", "Randomness",
        "CKernels",
      ],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "Training", "Methods", "Recipes", "NeuralNetworks", "TensorGraph", "Tensors",
        "ReferenceLowering", "OneDNNLowering", "Randomness", "Datasets", "Images", "JSONTree",
        "Checkpoints", "Durability", "Evaluation", "FaultyDisk", "Metrics",
      ],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "RecipesTests",
      dependencies: [
        "Recipes", "Methods", "NeuralNetworks", "TensorGraph", "Tensors", "OneDNNLowering",
        "Images",
        "JSONTree",
      ]),
    .testTarget(
      name: "EvaluationTests", dependencies: ["Evaluation", "Randomness", "Tensors"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "ImagesTests", dependencies: ["Images", "Randomness", "Tensors"], exclude: ["Fixtures"]),
    .testTarget(
      name: "DatasetsTests",
      dependencies: ["Datasets", "Images", "Randomness", "Durability", "FaultyDisk"]),
    .testTarget(name: "HouseTests"),
    .testTarget(
      name: "EncodersTests",
      dependencies: [
        "PythonInterpreter",
        "Encoders", "EmbeddingService", "Checkpoints", "Recipes", "Training", "NeuralNetworks",
        "TensorGraph", "Tensors", "ReferenceLowering", "OneDNNLowering", "Datasets", "Images",
        "Evaluation", "Randomness",
      ]),
    .testTarget(
      name: "RetrievalTests",
      dependencies: [
        "PythonInterpreter",
        "Retrieval", "EmbeddingService", "Datasets", "Images", "Randomness", "Durability",
        "Identifiers",
        "FaultyDisk", "CKernels",
      ]),
    .testTarget(
      name: "ONNXTests",
      dependencies: [
        "PythonInterpreter",
        "ONNX", "Encoders", "Checkpoints", "NeuralNetworks", "TensorGraph", "Tensors",
        "OneDNNLowering", "Images", "Randomness", "Durability", "FaultyDisk",
      ]),
    .testTarget(name: "JSONTreeTests", dependencies: ["JSONTree"]),
    .testTarget(name: "MetricsTests", dependencies: ["Metrics", "JSONTree"]),
    // A file system whose changes fail, for the tests of whoever writes files.
    .target(name: "FaultyDisk", dependencies: ["Durability"], path: "Tests/FaultyDisk"),
    // The interpreter of the tests beside Python's programs.
    .target(name: "PythonInterpreter", path: "Tests/PythonInterpreter"),
    .testTarget(
      name: "CheckpointsTests",
      dependencies: ["Checkpoints", "Durability", "FaultyDisk", "PythonInterpreter", "Tensors"]),
    .testTarget(name: "DurabilityTests", dependencies: ["Durability", "FaultyDisk", "CDigest"]),
    .testTarget(
      name: "RunsTests",
      dependencies: [
        "Runs", "RunDatabase", "Training", "Recipes", "Checkpoints", "Durability", "Identifiers",
        "FaultyDisk", "Tensors", "JSONTree", "Metrics", "Evaluation", "NeuralNetworks", "Images",
        "run-service",
      ],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "AccessTests",
      dependencies: ["Access", "Durability", "FaultyDisk", "Identifiers"]),
    .testTarget(
      name: "HTTPTests",
      dependencies: [
        "HTTP", "CSystem", "CZlib", "COpenSSL", "http-echo",
        .product(name: "Logging", package: "swift-log"),
      ]),
    .testTarget(
      name: "APITests",
      dependencies: [
        "API", "Access", "HTTP", "Runs", "Training", "Evaluation", "DatasetLibrary", "ModelLibrary",
        "EmbeddingService",
        "Encoders", "Checkpoints", "ONNX",
        "Datasets", "Images", "Recipes", "JSONTree", "Metrics", "Durability", "Identifiers",
        "Retrieval", "NeuralNetworks", "TensorGraph",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Yams", package: "Yams"),
      ]),
    .testTarget(
      name: "ServiceTests",
      dependencies: [
        "PythonInterpreter", "CommandLineTool", "HTTP", "Datasets", "Images", "JSONTree",
        "Identifiers", "Runs", .product(name: "Logging", package: "swift-log"),
      ],
      exclude: ["Golden", "Fixtures"]),
  ]
)

/// Whether a target is written in C or C++: their names begin with a capital C and another capital.
func isClang(_ target: Target) -> Bool {
  target.name.first == "C" && target.name.dropFirst().first?.isUppercase == true
}

// The same strict settings for every Swift target, so that none is forgotten.
for target in package.targets
where [.regular, .executable, .test].contains(target.type) && !isClang(target) {
  target.swiftSettings = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
  ]
}

// Targets with loops over many numbers, pixels or bytes are optimised in debug builds too: the tests run them on whole
// networks and archives. Each is compiled as a whole, so that its innermost calls, such as an element's position, are
// inlined across files and modules; two threads make an object of each file, which the package manager expects.
let computing: Set = [
  "Tensors", "Randomness", "TensorGraph", "ReferenceLowering", "OneDNNLowering", "NeuralNetworks",
  "Images", "Datasets", "Checkpoints", "Evaluation", "Encoders",
  "EngineTests", "TrainingTests", "EvaluationTests", "EncodersTests", "ImagesTests",
  "DatasetsTests",
]
for target in package.targets where computing.contains(target.name) {
  target.swiftSettings?.append(
    .unsafeFlags(
      ["-O", "-whole-module-optimization", "-num-threads", "2", "-disable-batch-mode"],
      .when(configuration: .debug)))
}
