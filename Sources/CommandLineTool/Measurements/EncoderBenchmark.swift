import ArgumentParser
import Encoders
import Foundation
import Images
import NeuralNetworks
import Recipes
import TensorGraph
import Tensors
import Threads

/// `byol benchmark encoder`
struct EncoderBenchmark: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encoder", abstract: "Measure the encoder that embeddings come from.",
    discussion: """
      In the time: the forward pass of pictures that lie in memory as float32, and its copies in and out. Not in \
      it: decoding, resizing, compilation and folding, the first two calls. As in the service, several calls are \
      computed at once, each on its part of the threads, and images per second is the sum over them; --streams 1 gives \
      all threads to one call. The weights are random unless --model names a model file; it is measured with its embedding \
      head. Figures are medians.
      """)

  @Option(help: "A model file to measure in place of --encoder, --stem and --size.")
  var model: String?

  @Option(help: "resnet18, resnet34, resnet50, resnet101 or resnet152.")
  var encoder = EncoderConfiguration.Architecture.resnet50

  @Option(help: "imagenet or cifar.")
  var stem = EncoderConfiguration.Stem.imagenet

  @Option(help: "Side of the pictures, in pixels.")
  var size = 224

  @Option(help: "Pictures a call.")
  var batch = 16

  @Option(help: "Calls at once; default: as many as the service computes.")
  var streams: Int?

  @Flag(help: "Also print each step of a call with its median time in microseconds.")
  var steps = false

  @OptionGroup var engine: EngineOptions
  @OptionGroup var measurement: MeasurementOptions

  mutating func validate() throws {
    if let streams, !(1...64).contains(streams) {
      throw ValidationError("--streams must be 1…64.")
    }
    guard RecipeLimits.imageSize.contains(size), (1...4096).contains(batch) else {
      throw ValidationError(
        "--size must be \(RecipeLimits.imageSize) pixels and --batch 1…4096 pictures.")
    }
  }

  func run() async throws {
    let model =
      if let model { try EncoderModel(reading: model) } else {
        EncoderModel(
          random: EncoderConfiguration(architecture: encoder, stem: stem), imageSize: size, seed: 1)
      }
    let count = streams ?? embeddingWorkers(threads: engine.budget.count)
    let precision = try engine.resolvedPrecision
    let lowering = engine.engine.lowering(
      threads: ThreadBudget(engine.budget.count / count), precision: precision)
    var streams: [EncoderStream] = []
    for _ in 0..<count {
      streams.append(EncoderStream())
      try await streams.last?.open(model, batch: batch, lowering: lowering)
    }
    let medians = try await medians(of: streams)
    if steps {
      for line in try await streams[0].stepTimes() { print(line) }
    }
    let speed = medians.reduce(0) { $0 + Double(batch) / $1 }
    report(speed, call: medians.reduce(0, +) / Double(count), model, precision, streams: count)
  }

  /// The median seconds of each stream's calls, all at once.
  private func medians(of streams: [EncoderStream]) async throws -> [Double] {
    try await withThrowingTaskGroup(of: Double.self) { group in
      for stream in streams {
        group.addTask { try await stream.median(measurement) }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
  }

  private func report(
    _ speed: Double, call median: Double, _ model: EncoderModel, _ precision: Precision,
    streams: Int
  ) {
    let memory = peakMemoryByteCount()
    guard measurement.json else {
      let network = model.encoder
      return print(
        "\(network.architecture.rawValue), \(network.stem.rawValue) stem, \(model.imageSize) px, batch \(batch), \(precision.rawValue), "
          + "\(engine.threadsInWords), \(streams) at once: "
          + String(format: "%.1f img/s, %.2f ms a call, ", speed, median * 1000)
          + "\(memory >> 20) MiB at most")
    }
    print(
      "{\"images_per_second\":\(speed),\"call_seconds\":\(median),"
        + "\"peak_memory_bytes\":\(memory),\"precision\":\"\(precision.rawValue)\",\"streams\":\(streams)}"
    )
  }
}

/// A thread that embeds the same pictures again and again with an encoder of its own.
private actor EncoderStream {
  private let executor = ThreadExecutor(name: "stream")
  private var network: EmbeddingEncoder?
  private var prepared: [Float] = []

  nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  /// Compiles the encoder and draws its pictures.
  func open(_ model: EncoderModel, batch: Int, lowering: any Lowering) throws {
    network = try EmbeddingEncoder(model, batchSize: batch, lowering: lowering)
    prepared = (0..<batch * model.imageSize * model.imageSize * model.normalization.channels).map {
      Float($0 * 37 % 255) / 127 - 1
    }
  }

  func median(_ measurement: MeasurementOptions) throws -> Double {
    try measurement.median(warmup: 2) { _ = try network?.represent(prepared) }
  }

  /// A line for each step in order, with its median over some calls.
  func stepTimes() throws -> [String] {
    guard let network else { return [] }
    var times = Array(repeating: [Double](), count: network.steps.count)
    for _ in 0..<15 {
      var last: Double?
      _ = try network.represent(prepared) { step in
        let now = monotonicSeconds()
        if let last { times[step].append(now - last) }
        last = now
      }
    }
    return zip(network.steps, times).map { step, times in
      let median = times.isEmpty ? 0 : times.sorted()[times.count / 2]
      return "\(fixed(median * 1e6, 1)) \(step.name) \(step.shape) \(step.kernel)"
    }
  }
}
