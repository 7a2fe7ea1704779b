import ArgumentParser
import Durability
import Foundation
import Identifiers
import Randomness
import Retrieval
import Tensors

/// `byol benchmark search`
struct SearchBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search", abstract: "Measure exact searches in an index.",
    discussion: """
      byol benchmark search --index FOLDER --make 1000000x512
      byol benchmark search --index FOLDER --batch 64

      --make writes an index of vectors in random directions, the worst case for a search that leaves rows out. The time is that of \
      --batch queries, near to items of the index, together; beside it stands that of reading the codes once, which no search can be \
      faster than.
      """)

  @Option(help: "The folder of an index.")
  var index: String

  @Option(help: "Make the index first: rows x components, such as 1000000x512.")
  var make: String?

  @Option(help: "How --make stores vectors: float32 or float16.")
  var storage = VectorStorage.float32

  @Option(help: "Queries that are answered together, 1…64.")
  var batch = 1

  @Option(help: "Neighbours of each query, 1…1000.")
  var count = 10

  @Option(help: "Threads; default: one per processor.")
  var threads: Int?

  @OptionGroup var measurement: MeasurementOptions

  mutating func validate() throws {
    guard (1...SearchLimits.queriesInOnePass).contains(batch),
      SearchLimits.neighbours.contains(count), (1...4096).contains(threads ?? 1)
    else {
      throw ValidationError(
        "--batch must be 1…\(SearchLimits.queriesInOnePass), --count \(SearchLimits.neighbours), --threads 1…4096."
      )
    }
    if let make, Self.size(make) == nil {
      throw ValidationError("--make \(make) must be ROWSxCOMPONENTS, such as 1000000x512.")
    }
  }

  private static func size(_ text: String) -> (rows: Int, dimension: Int)? {
    let numbers = text.split(separator: "x").map { Int($0) ?? 0 }
    guard numbers.count == 2, (1...100_000_000).contains(numbers[0]),
      (1...4096).contains(numbers[1])
    else { return nil }
    return (numbers[0], numbers[1])
  }

  func run() throws {
    if let size = make.flatMap(Self.size) { try write(size.rows, size.dimension) }
    let opened: VectorIndex
    do throws(IndexError) { opened = try VectorIndex(directory: index) } catch {
      throw refusal("--index \(index): \(error)", code: .failure)
    }
    let threads = Machine.threads(threads).count
    var turn = 0
    let seconds = try measurement.median(warmup: 2) {
      let queries = (0..<batch).map { query in
        let row = (turn * 7919 + query * 104_729) % opened.count
        return zip(opened.vector(row), opened.vector((row + 1) % opened.count)).map {
          $0 + 0.5 * $1
        }
      }
      turn += 1
      _ = try opened.nearest(to: queries, count: count, threads: threads)
    }
    let floor = measurement.median(warmup: 1) { _ = opened.readCodes(threads: threads) }
    guard measurement.json else {
      return print(
        "\(opened.count) × \(opened.dimension), \(batch) \(batch == 1 ? "query" : "queries"), \(inWords(threads: threads)): "
          + String(format: "%.1f ms; reading the codes once %.1f ms", seconds * 1e3, floor * 1e3))
    }
    print(
      "{\"items\":\(opened.count),\"storage\":\"\(opened.manifest.vectorStorage.rawValue)\",\"dimension\":\(opened.dimension),\"batch\":\(batch),\"seconds\":\(seconds),"
        + "\"floor_seconds\":\(floor),\"peak_memory_bytes\":\(peakMemoryByteCount())}")
  }

  private func write(_ rows: Int, _ dimension: Int) throws {
    guard !FileManager.default.fileExists(atPath: index) else {
      throw refusal("--index \(index) is there already.")
    }
    var stream = RandomStream(seed: 1, purpose: .weights, index: 0)
    do throws(IndexError) {
      try IndexBuild.importVectors(
        into: index, rows: rows, dimension: dimension, fingerprint: "random", storage: storage,
        now: .now()
      ) { _ in (0..<dimension).map { _ in Float(stream.normal()) } }
    } catch {
      throw refusal("--index \(index): \(error)", code: .failure)
    }
  }
}
