import Datasets
import EmbeddingService
import Foundation
import Images
import Synchronization
import TensorGraph

@testable import Retrieval

/// Pictures of one colour each, whose vector is drawn from their pixels.
final class PaintedPictures: PictureSource {
  private let pictures: [(name: String, label: String?, split: Split, value: UInt8?)]
  private var index = 0
  let identity: String

  init(_ count: Int, bad: Set<Int> = [], identity: String = "painted") {
    pictures = (0..<count).map { number in
      (
        "\(number % 3)/\(number).png", "label\(number % 3)", number % 4 == 0 ? .test : .train,
        bad.contains(number) ? nil : UInt8(truncatingIfNeeded: number)
      )
    }
    self.identity = identity
  }

  /// Pictures of these names and labels.
  init(_ named: [(name: String, label: String?)]) {
    pictures = named.enumerated().map {
      ($1.name, $1.label, $0 % 4 == 0 ? .test : .train, UInt8(truncatingIfNeeded: $0))
    }
    identity = "named"
  }

  var expectedCount: Int? { pictures.count }

  func next() -> SourcePicture? {
    guard index < pictures.count else { return nil }
    defer { index += 1 }
    let (picture, number) = (pictures[index], index)
    return SourcePicture(name: picture.name, label: picture.label, split: picture.split) {
      () throws(UnreadablePicture) in
      guard let value = picture.value else {
        throw UnreadablePicture(code: "corrupt", detail: "It is broken.")
      }
      let pixels = [value, UInt8(number >> 8), 0]
      return (Raster(width: 1, height: 1, channels: 3, pixels: pixels), ContentHash(pixels))
    }
  }

  func places(of names: [String]) -> [(label: String?, split: Split)]? { nil }
}

/// An encoder of which the vector tells the picture: slow ones would hide nothing here.
struct PaintEncoder: PictureEncoder {
  let byteCount = 0
  static let dimension = 24
  let counter: Counter?

  func embed(_ image: Raster) -> [Float] {
    counter?.count()
    let seed = UInt64(image.pixels[0]) + 256 * UInt64(image.pixels[1])
    return `Search in codes`.vectors(6, Self.dimension, seed: 1000 + seed)[Int(seed % 5)].map {
      3 * $0
    }
  }
}

final class Counter: Sendable {
  private let value = Mutex(0)
  var total: Int { value.withLock { $0 } }
  func count() { value.withLock { $0 += 1 } }
}

/// A folder for indexes of painted pictures.
struct PaintBench {
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "index-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data("weights".utf8).write(to: folder.appending(path: "model"))
  }

  func loader(_ counter: Counter? = nil, fingerprint: String = "f00d") -> EncoderLoader {
    EncoderLoader { _ in
      OpenedModel(
        dimension: PaintEncoder.dimension, inputSize: 1, fingerprint: fingerprint,
        precision: .float32
      ) { PaintEncoder(counter: counter) }
    }
  }

  func build(_ name: String = "index") -> IndexBuild {
    var build = IndexBuild(
      directory: folder.path + "/" + name, modelFile: folder.path + "/model", modelName: "run@5",
      sourceName: "painted")
    build.workers = 3
    return build
  }
}
