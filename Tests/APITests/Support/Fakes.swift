import API
import DatasetLibrary
import Datasets
import EmbeddingService
import Foundation
import Images
import Recipes
import Synchronization
import TensorGraph

/// Admission without pictures: the archive's text says what it holds.
struct FakeAdmission: DatasetAdmission {
  /// Shut, admission waits in its middle.
  var gate: Gate?

  func admit(
    source: String, into directory: String,
    progress: @escaping @Sendable (AdmissionProgress) -> Void
  ) throws -> AdmittedDataset {
    var told = AdmissionProgress()
    (told.entries, told.accepted, told.rejected, told.byteCount) = (9, 7, 2, 70_000)
    progress(told)
    gate?.wait()
    let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: source)), as: UTF8.self)
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: false)
    try Data("pack".utf8).write(to: URL(fileURLWithPath: directory + "/pack"))
    if text.contains("BROKEN") { throw DatasetLibraryError.rejected("The archive ends early.") }
    if text.contains("FULL") { throw POSIXError(.ENOSPC) }
    let pictures = text.contains("SMALL") ? 3 : 600
    let report =
      #"{"format_version":1,"accepted":\#(pictures),"rejected_count":0,"rejected":[],"#
      + #""skipped_count":0,"skipped":[],"advice":[]}"#
    try Data(report.utf8)
      .write(to: URL(fileURLWithPath: directory + "/report.json"))
    return AdmittedDataset(
      pictures: pictures, labels: ["cat": pictures], splits: ["train": pictures],
      size: DatasetSize(pictures: pictures, medianShortSide: 32))
  }

  func picture(_ index: Int, of id: String, in directory: String) throws -> DatasetPicture {
    DatasetPicture(image: plain(red: UInt8(index % 256)), label: "a cat/ä")
  }

  /// Pictures whose numbers are even are cats, the others have no label; all learn.
  func pictures(
    _ filter: DatasetFilter, from first: Int, limit: Int, in directory: String
  ) throws -> [ListedPicture] {
    if let label = filter.label, !["cat", ""].contains(label) {
      throw DatasetLibraryError.noSuchLabel(label)
    }
    return (first..<max(first, 600)).lazy.map { number in
      ListedPicture(
        number: number, name: "\(number).png", label: number % 2 == 0 ? "cat" : nil, split: .train,
        width: 8, height: 8)
    }.filter { picture in
      (filter.label ?? picture.label ?? "") == picture.label ?? ""
        && (filter.split ?? .train) == .train
    }.prefix(limit).map { $0 }
  }

  func forget(_ directory: String) {}
}

/// A picture of one colour, 8 by 8.
func plain(red: UInt8) -> Raster {
  Raster(width: 8, height: 8, pixels: (0..<64).flatMap { _ in [red, 10, 20] })
}

/// The same as a PNG file.
func plainBytes(red: UInt8) throws -> [UInt8] { try plain(red: red).png() }

/// A door that stays shut until the test opens it.
final class Gate: Sendable {
  private let condition = NSCondition()
  private let isOpen = Mutex(false)

  func open() {
    condition.lock()
    isOpen.withLock { $0 = true }
    condition.broadcast()
    condition.unlock()
  }

  func wait() {
    condition.lock()
    while !isOpen.withLock({ $0 }) { condition.wait() }
    condition.unlock()
  }
}

/// Four numbers from the first pixel and the model file's name.
struct FakeEncoder: PictureEncoder {
  var factor: Float = 1
  var gate: Gate?
  var started: (@Sendable () -> Void)?
  var byteCount = 100

  func embed(_ image: Raster) throws -> [Float] {
    started?()
    gate?.wait()
    let (red, green, blue) = image[0, 0]
    return [Float(red), Float(green), Float(blue), 1].map { $0 * factor }
  }
}

struct NotAModel: Error {}

extension EncoderLoader {
  /// Fake encoders of four numbers by the model file's path; `load` is called for each worker, `fingerprint` once per opening.
  init(
    precision: Precision = .float32, load: @escaping @Sendable (String) throws -> FakeEncoder,
    fingerprint: @escaping @Sendable (String) throws -> String
  ) {
    self.init { path in
      OpenedModel(
        dimension: 4, inputSize: 8, fingerprint: try fingerprint(path), precision: precision
      ) {
        try load(path)
      }
    }
  }
}

/// Opens files that are there; the fingerprint is the folder's name.
let fakeLoader = EncoderLoader(
  load: { _ in FakeEncoder() },
  fingerprint: { path in
    guard FileManager.default.fileExists(atPath: path) else { throw NotAModel() }
    return "print-" + URL(fileURLWithPath: path).deletingLastPathComponent().lastPathComponent
  })
