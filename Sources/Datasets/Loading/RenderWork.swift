import Glibc
import Images
import Threads

/// A part of a batch that one thread renders in one go.
private struct RowRange {
  var step: Int
  var rows: Range<Int>
  var epoch: Int
  /// The pictures of these rows, as places in the pack.
  var pictures: ArraySlice<Int>
}

/// The state that the renderers and the consumer of a `ViewBatchSource` share.
///
/// Unchecked, because the floats are written by the thread that took their rows, between taking and
/// reporting them under the lock, and read by the consumer between the last report and `release`.
@safe
final class RenderWork: @unchecked Sendable {
  private struct State {
    /// The next row to hand out.
    var step: Int
    var row = 0
    /// The step that the consumer has or waits for.
    var consumed: Int
    /// Rows of each slot that are still to be reported.
    var missing: [Int]
    var orders: [Int: PictureOrder] = [:]
    var failure: PackError?
    var stopped = false
  }

  private let pack: Pack
  private let pictures: [Int]
  private let configuration: ViewBatchConfiguration
  private let renderers: [ViewRenderer]
  private let stepsPerEpoch: Int
  private let rowsAtOnce: Int
  private let floats: UnsafeMutablePointer<Float>
  /// For each view, where its batch begins in a slot, in floats.
  private let viewOffsets: [Int]
  private let slotFloatCount: Int
  private let state: Monitor<State>

  init(pack: Pack, pictures: [Int], configuration: ViewBatchConfiguration, firstStep: Int) {
    self.pack = pack
    self.pictures = pictures
    self.configuration = configuration
    renderers = configuration.views.map {
      ViewRenderer(
        augmentation: $0.augmentation, normalization: configuration.normalization, side: $0.side)
    }
    var offset = 0
    var offsets: [Int] = []
    for renderer in renderers {
      offsets.append(offset)
      // Each view's batch begins on a cache line.
      offset += (configuration.batchSize * renderer.elementCount + 15) / 16 * 16
    }
    viewOffsets = offsets
    slotFloatCount = offset
    stepsPerEpoch = PictureOrder.batches(of: configuration.wholeBatchSize, count: pictures.count)
    rowsAtOnce = max(1, min(16, configuration.batchSize / (4 * configuration.threads)))
    let count = configuration.depth * slotFloatCount
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count * 4, alignment: 64)
    unsafe floats = memory.bindMemory(to: Float.self, capacity: count)
    state = Monitor(
      State(
        step: firstStep, consumed: firstStep,
        missing: Array(repeating: configuration.batchSize, count: configuration.depth)))
  }

  deinit { unsafe floats.deallocate() }

  /// The first float of a picture's view in a step's slot.
  private func start(step: Int, view: Int, row: Int) -> UnsafeMutablePointer<Float> {
    let slot = step % configuration.depth
    let offset = slot * slotFloatCount + viewOffsets[view] + row * renderers[view].elementCount
    return unsafe floats + offset
  }
}

// MARK: The renderers' side

extension RenderWork {
  /// Renders until the source is stopped.
  func runThread() {
    let scratch = ViewScratch()
    while let range = take() {
      var failure: PackError?
      for (row, picture) in zip(range.rows, range.pictures) where failure == nil {
        do throws(PackError) {
          try render(picture, row: row, range: range, scratch: scratch)
        } catch { failure = error }
      }
      report(range, failure)
    }
  }

  private func render(
    _ picture: Int, row: Int, range: RowRange, scratch: ViewScratch
  ) throws(PackError) {
    let strength = configuration.growth.strength(step: range.step)
    try unsafe pack.withPixels(at: picture) { pixels in
      for view in renderers.indices {
        let output = unsafe UnsafeMutableBufferPointer(
          start: start(step: range.step, view: view, row: row),
          count: renderers[view].elementCount)
        unsafe renderers[view].render(
          pixels, seed: configuration.seed, epoch: range.epoch, picture: picture, view: view,
          strength: strength, into: output, scratch: scratch)
      }
    }
  }

  /// Waits for rows to render; nil when the source is stopped or has failed.
  private func take() -> RowRange? {
    state.wait(
      until: { $0.stopped || $0.failure != nil || $0.step < $0.consumed + self.configuration.depth }
    ) { state in
      guard !state.stopped, state.failure == nil else { return nil }
      let rows = state.row..<min(state.row + rowsAtOnce, configuration.batchSize)
      let epoch = state.step / stepsPerEpoch
      let batch = configuration.part(
        of: order(epoch, &state), batch: state.step % stepsPerEpoch)
      let chosen = batch[batch.startIndex + rows.lowerBound..<batch.startIndex + rows.upperBound]
      let range = RowRange(
        step: state.step, rows: rows, epoch: epoch,
        pictures: ArraySlice(chosen.map { pictures[$0] })
      )
      state.row = rows.upperBound
      if state.row == configuration.batchSize {
        state.row = 0
        state.step += 1
      }
      return range
    }
  }

  private func order(_ epoch: Int, _ state: inout State) -> PictureOrder {
    if let order = state.orders[epoch] { return order }
    let order = PictureOrder(seed: configuration.seed, epoch: epoch, count: pictures.count)
    state.orders = state.orders.filter { $0.key >= epoch - 1 }
    state.orders[epoch] = order
    return order
  }

  private func report(_ range: RowRange, _ failure: PackError?) {
    state.withLock { state in
      state.missing[range.step % configuration.depth] -= range.rows.count
      state.failure = state.failure ?? failure
    }
  }
}

// MARK: The consumer's side

extension RenderWork {
  func waitForBatch() throws(PackError) -> ViewBatch {
    let began = seconds()
    let depth = configuration.depth
    let (step, pictures, failure) = state.wait(
      until: { $0.stopped || $0.failure != nil || $0.missing[$0.consumed % depth] == 0 }
    ) { state -> (Int, [Int], PackError?) in
      precondition(!state.stopped, "A batch is asked of a source that was stopped.")
      let step = state.consumed
      if let failure = state.failure { return (step, [], failure) }
      let batch = configuration.part(
        of: order(step / stepsPerEpoch, &state), batch: step % stepsPerEpoch)
      return (step, batch.map { self.pictures[$0] }, nil)
    }
    if let failure { throw failure }
    var views: [UnsafeBufferPointer<Float>] = unsafe []
    for view in renderers.indices {
      unsafe views.append(
        UnsafeBufferPointer(
          start: start(step: step, view: view, row: 0),
          count: configuration.batchSize * renderers[view].elementCount))
    }
    return unsafe ViewBatch(
      step: step, epoch: step / stepsPerEpoch, pictures: pictures,
      labels: pictures.map { pack[$0].label }, views: views, waitSeconds: seconds() - began)
  }

  /// Gives the lent batch's memory back to the renderers.
  func release() {
    state.withLock { state in
      state.missing[state.consumed % configuration.depth] = configuration.batchSize
      state.consumed += 1
    }
  }

  /// True for the first call.
  func stop() -> Bool {
    state.withLock { state in
      defer { state.stopped = true }
      return !state.stopped
    }
  }

  private func seconds() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
