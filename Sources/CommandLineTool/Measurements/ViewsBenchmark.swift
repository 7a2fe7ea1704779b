import ArgumentParser
import Dispatch
import Foundation
import Images
import Recipes
import Synchronization

/// `byol benchmark views`
struct ViewsBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "views", abstract: "Measure decoding and augmentation of one picture.",
    discussion: """
      In the time: decoding the picture's bytes, which are in memory, and rendering both views with the paper's \
      augmentations, normalised. Not in it: reading the file. Every turn draws other random changes. Each thread \
      does whole pictures; a picture counts once although it gives two views.
      """)

  @Option(help: "A JPEG, PNG, WebP or GIF file.")
  var input: String

  @Option(help: "Side of the views, in pixels.")
  var size = 224

  @Option(help: "Threads.")
  var threads = 1

  @OptionGroup var measurement: MeasurementOptions

  mutating func validate() throws {
    guard RecipeLimits.imageSize.contains(size), (1...4096).contains(threads) else {
      throw ValidationError(
        "--size must be \(RecipeLimits.imageSize) pixels and --threads 1…4096.")
    }
  }

  func run() throws {
    let bytes = try contents(of: input)
    let augmentations = Augmentations()
    let renderers = [augmentations.first, augmentations.second].map {
      ViewRenderer(augmentation: $0, normalization: augmentations.normalization, side: size)
    }
    let turn: @Sendable (Int) throws(ImageError) -> Void = { number throws(ImageError) in
      let picture = try decode(bytes)
      for (view, renderer) in renderers.enumerated() {
        _ = renderer(picture, seed: 1, epoch: number, picture: 0, view: view)
      }
    }
    try turn(0)
    let (count, elapsed) = measure(turn)
    let (speed, memory) = (Double(count) / elapsed, peakMemoryByteCount())
    guard measurement.json else {
      return print(
        "\(size) px views on \(inWords(threads: threads)): "
          + String(format: "%.1f img/s, ", speed) + "\(memory >> 20) MiB at most")
    }
    print(
      "{\"images_per_second\":\(speed),\"pictures\":\(count),\"seconds\":\(elapsed),"
        + "\"peak_memory_bytes\":\(memory)}")
  }

  /// Turns done by all threads until the time is over, and the seconds that they took.
  private func measure(_ turn: @escaping @Sendable (Int) throws(ImageError) -> Void) -> (
    count: Int, seconds: Double
  ) {
    let began = monotonicSeconds()
    let (threads, limit) = (threads, measurement.seconds)
    let counts = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      var count = 0
      while count < 3 || monotonicSeconds() - began < limit {
        count += 1
        // The bytes decoded before, so they do again.
        try? turn(count * threads + thread)
      }
      counts.withLock { $0 += count }
    }
    return (counts.withLock { $0 }, monotonicSeconds() - began)
  }
}
