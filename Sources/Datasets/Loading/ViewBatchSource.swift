import Glibc
public import Images
import Threads

/// What a source of view batches renders, and with how many threads.
public struct ViewBatchConfiguration: Hashable, Sendable {
  /// The views of each picture, in order: any number, of any sizes.
  public var views: [ViewSpecification]
  /// What every view subtracts and divides by.
  public var normalization: Normalization
  /// How the strength of the views' changes grows.
  public var growth: AugmentationGrowth
  /// Pictures per batch that are rendered.
  public var batchSize: Int
  /// How many sources render one batch together, each an equal part; at least 1.
  public var parts: Int
  /// Which of the parts is rendered here, from 0.
  public var part: Int
  /// The run's seed.
  public var seed: UInt64
  /// Threads that render; at least 1.
  public var threads: Int
  /// Batches held in memory: one in use, the others rendered ahead; at least 2.
  public var depth: Int

  /// A configuration; `depth` counts the batch in use too. `batchSize` is the size of this part.
  public init(
    views: [ViewSpecification], normalization: Normalization, batchSize: Int, seed: UInt64,
    threads: Int = 1, depth: Int = 2, part: Int = 0, parts: Int = 1,
    growth: AugmentationGrowth = .none
  ) {
    precondition(parts > 0 && (0..<parts).contains(part), "Part \(part) of \(parts).")
    self.part = part
    self.parts = parts
    self.growth = growth
    self.views = views
    self.normalization = normalization
    self.batchSize = batchSize
    self.seed = seed
    self.threads = max(1, threads)
    self.depth = max(2, depth)
  }

  /// Pictures of the whole batch.
  var wholeBatchSize: Int { batchSize * parts }

  /// The pictures of this part of a step's batch.
  func part(of order: PictureOrder, batch: Int) -> ArraySlice<Int> {
    order.batch(batch, size: wholeBatchSize).dropFirst(part * batchSize).prefix(batchSize)
  }
}

/// One batch of views, lent for the length of a call: do not keep the pointers.
@unsafe
public struct ViewBatch {
  /// The step that the batch is for, counted from 0 over the whole run.
  public let step: Int
  /// The epoch of the step, counted from 0.
  public let epoch: Int
  /// The pictures, as places in the pack.
  public let pictures: [Int]
  /// Their labels; nil for a picture without one.
  public let labels: [Int?]
  /// For each view of the configuration the rendered part of the batch, `[batch, side, side, channels]`, normalised.
  public let views: [UnsafeBufferPointer<Float>]
  /// Seconds that the caller waited because the batch was not rendered yet.
  public let waitSeconds: Double
}

/// Renders the batches of a run ahead of its steps, on threads of its own.
///
/// Which pictures are in a batch and how they are changed is a pure function of (seed, step), so that
/// the batches are bit-identical for any number of threads and from any first step. What happens in
/// the background: threads take rows of the earliest batch that has room; a batch's memory is free
/// again when the call that it was lent to returns. One caller at a time.
public final class ViewBatchSource: Sendable {
  /// Whole batches in an epoch; the rest of the pictures sits the epoch out.
  public let stepsPerEpoch: Int
  /// The configuration.
  public let configuration: ViewBatchConfiguration
  private let work: RenderWork
  private let threads: ThreadGroup

  /// Starts rendering the batches of `pictures` (their indices in `pack`) from step `firstStep` on.
  ///
  /// There must be at least one whole batch of pictures, and at least one view.
  public init(
    pack: Pack, pictures: [Int], configuration: ViewBatchConfiguration, firstStep: Int = 0
  ) {
    precondition(
      configuration.batchSize > 0 && pictures.count >= configuration.wholeBatchSize
        && firstStep >= 0
        && !configuration.views.isEmpty,
      "Batches of \(configuration.wholeBatchSize) of \(pictures.count) pictures from \(firstStep) on."
    )
    self.configuration = configuration
    stepsPerEpoch = PictureOrder.batches(of: configuration.wholeBatchSize, count: pictures.count)
    let work = RenderWork(
      pack: pack, pictures: pictures, configuration: configuration, firstStep: firstStep)
    self.work = work
    threads = ThreadGroup(count: configuration.threads) { _ in work.runThread() }
  }

  deinit { stop() }

  /// Lends the next step's batch to `body`, waiting for it where it is not rendered yet.
  ///
  /// - Throws: `PackError`, when one of its pictures cannot be read, or what `body` throws.
  public func withNextBatch<Result>(_ body: (ViewBatch) throws -> Result) throws -> Result {
    let batch = try unsafe work.waitForBatch()
    defer { work.release() }
    return try unsafe body(batch)
  }

  /// Ends the threads; no batch can be had afterwards. Called by `deinit` too.
  public func stop() {
    if work.stop() { threads.join() }
  }
}
