// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "byol",
  products: [.executable(name: "byol", targets: ["byol"])],
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
    .target(name: "CDigest", cSettings: [.unsafeFlags(["-O3"])]),
    .target(
      name: "CKernels", cxxSettings: [.unsafeFlags(["-O3"])],
      linkerSettings: [.linkedLibrary("gomp")]),

    // The engine.
    .target(name: "Tensors"),
    .target(name: "Randomness"),
    .target(name: "JSONTree"),
    .target(name: "TensorGraph", dependencies: ["Tensors"]),
    .target(name: "ReferenceLowering", dependencies: ["TensorGraph", "Tensors"]),
    .target(
      name: "OneDNNLowering", dependencies: ["TensorGraph", "Tensors", "COneDNN", "CKernels"]),

    // Learning.
    .target(name: "NeuralNetworks", dependencies: ["TensorGraph", "Tensors", "Randomness"]),
    .target(name: "Images", dependencies: ["Randomness", "CImageCodecs"]),
    .target(name: "Datasets", dependencies: ["Images", "Randomness", "CArchive"]),
    .target(
      name: "BYOL",
      dependencies: [
        "NeuralNetworks", "TensorGraph", "Tensors", "Randomness", "Datasets", "Images", "COpenBLAS",
        "JSONTree",
      ]),
    .target(name: "Checkpoints", dependencies: ["Tensors", "JSONTree", "CDigest"]),
    .target(
      name: "Embeddings",
      dependencies: [
        "BYOL", "Checkpoints", "NeuralNetworks", "TensorGraph", "Tensors", "Images", "Randomness",
      ]),

    // The service.
    .target(
      name: "Runs",
      dependencies: [
        "BYOL", "Checkpoints", "Embeddings", "Datasets", "NeuralNetworks", "TensorGraph", "Tensors",
        "JSONTree", "CProcess",
      ]),
    .target(
      name: "RunDatabase",
      dependencies: [
        "Runs", "JSONTree", "Checkpoints", .product(name: "GRDB", package: "GRDB.swift"),
      ]),
    .target(
      name: "HTTP",
      dependencies: [
        "CSystem", "COpenSSL", "CZlib", .product(name: "Logging", package: "swift-log"),
      ]),
    .target(
      name: "API",
      dependencies: [
        "HTTP", "Runs", "Embeddings", "Datasets", "Images", "BYOL", "JSONTree", "Checkpoints",
        "NeuralNetworks", "TensorGraph", .product(name: "Logging", package: "swift-log"),
      ]),
    .executableTarget(
      name: "byol",
      dependencies: [
        "API", "HTTP", "Runs", "RunDatabase", "Embeddings", "Checkpoints", "BYOL", "Datasets",
        "Images", "NeuralNetworks", "TensorGraph", "Tensors", "OneDNNLowering", "JSONTree",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .executableTarget(
      name: "http-echo",
      dependencies: ["HTTP", "CDigest", .product(name: "Logging", package: "swift-log")],
      path: "Tests/http-echo"),
    .executableTarget(
      name: "run-service",
      dependencies: ["Runs", "RunDatabase", "Checkpoints", "BYOL", "Tensors", "JSONTree"],
      path: "Tests/run-service"),

    // Tests, one target per module; `Tests/ServiceTests` drives the real binary.
    .testTarget(
      name: "EngineTests",
      dependencies: [
        "TensorGraph", "Tensors", "ReferenceLowering", "OneDNNLowering", "Randomness",
      ],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "BYOLTests",
      dependencies: [
        "BYOL", "NeuralNetworks", "TensorGraph", "Tensors", "ReferenceLowering", "OneDNNLowering",
        "Randomness", "Datasets", "Images", "JSONTree",
      ],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "ImagesTests", dependencies: ["Images", "Randomness", "Tensors"], exclude: ["Fixtures"]),
    .testTarget(name: "DatasetsTests", dependencies: ["Datasets", "Images", "Randomness"]),
    .testTarget(name: "HouseTests"),
    .testTarget(
      name: "EmbeddingsTests",
      dependencies: [
        "Embeddings", "NeuralNetworks", "TensorGraph", "Tensors", "ReferenceLowering",
        "OneDNNLowering", "Datasets", "Images",
      ]),
    .testTarget(name: "JSONTreeTests", dependencies: ["JSONTree"]),
    // A file system whose changes fail, for the tests of whoever writes files.
    .target(name: "FaultyDisk", dependencies: ["Checkpoints"], path: "Tests/FaultyDisk"),
    .testTarget(
      name: "CheckpointsTests", dependencies: ["Checkpoints", "FaultyDisk", "Tensors", "CDigest"]),
    .testTarget(
      name: "RunsTests",
      dependencies: [
        "Runs", "RunDatabase", "BYOL", "Checkpoints", "FaultyDisk", "Tensors", "JSONTree",
        "NeuralNetworks", "Images", "run-service",
      ]),
    .testTarget(
      name: "HTTPTests",
      dependencies: [
        "HTTP", "CSystem", "CZlib", "COpenSSL", "http-echo",
        .product(name: "Logging", package: "swift-log"),
      ]),
    .testTarget(
      name: "APITests",
      dependencies: [
        "API", "HTTP", "Runs", "Embeddings", "Datasets", "Images", "BYOL", "JSONTree",
        "NeuralNetworks", "TensorGraph", .product(name: "Logging", package: "swift-log"),
        .product(name: "Yams", package: "Yams"),
      ]),
    .testTarget(
      name: "ServiceTests", dependencies: ["byol", "Datasets", "Images", "JSONTree"],
      exclude: ["Golden"]),
  ]
)

// The same strict settings for every Swift target, so that none is forgotten.
for target in package.targets
where [.regular, .executable, .test].contains(target.type) && !target.name.hasPrefix("C") {
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

// Loops over many numbers, optimised in debug builds too: the tests run them on whole networks.
for target in package.targets
where ["Tensors", "Randomness", "ReferenceLowering", "BYOLTests"].contains(target.name) {
  target.swiftSettings?.append(.unsafeFlags(["-O"], .when(configuration: .debug)))
}
