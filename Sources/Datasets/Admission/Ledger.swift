import Images

/// Collects what the report says while entries come in, in the source's order.
struct Ledger {
  private(set) var report = AdmissionReport()
  /// The accepted pictures' names, in the pack's order.
  private(set) var names: [String] = []
  private let listedNames: Int
  /// The channels that the set has; nil to go by the first picture.
  private let channels: Int?
  /// Pictures by their channels, the refused ones too.
  private var channelCounts: [Int: Int] = [:]
  /// Names as bytes: Swift's strings are equal where they look the same, files are not.
  private var seenNames: Set<[UInt8]> = []
  private var firstWithHash: [ContentHash: Int] = [:]
  private var bars: [Int: Int] = [:]
  /// Pairs of accepted pictures with the same bytes: the later one and the first one.
  private var equalPairs: [(Int, Int)] = []
  /// Pairs that are nearly equal, in the same order.
  private var nearPairs: [(Int, Int)] = []
  private var thumbnails = ThumbnailIndex()

  init(listedNames: Int, channels: Int?) {
    self.listedNames = listedNames
    self.channels = channels
  }

  /// The channels of most pictures, where those are others than were accepted by the first picture; of equally many the
  /// accepted ones. Nil where the channels were given, so that no source is read a third time.
  var otherMajority: Int? {
    guard channels == nil else { return nil }
    let accepted = report.channels.flatMap { channelCounts[$0] } ?? 0
    let most = channelCounts.max { ($0.value, $1.key) < ($1.value, $0.key) }
    return most.flatMap { $0.value > accepted ? $0.key : nil }
  }

  /// Enters one entry; returns the picture if it is to be stored.
  mutating func enter(_ entry: PreparedEntry) -> PackedPicture? {
    switch entry {
    case .skipped(let skipped):
      report.skippedCount += 1
      report.skippedReasons[skipped.reason, default: 0] += 1
      if report.skipped.count < listedNames { report.skipped.append(skipped) }
      return nil
    case .rejected(let rejection):
      reject(rejection)
      return nil
    case .accepted(let picture):
      return accept(picture)
    }
  }

  private mutating func reject(_ rejection: AdmissionReport.Rejection) {
    report.rejectedCount += 1
    if report.rejected.count < listedNames { report.rejected.append(rejection) }
  }

  private mutating func accept(_ picture: PreparedPicture) -> PackedPicture? {
    let name = picture.packed.name
    let channels = picture.packed.channels
    channelCounts[channels, default: 0] += 1
    let expected = self.channels ?? report.channels ?? channels
    guard channels == expected else {
      let detail = "It has \(channels) channels; most pictures of the set have \(expected)."
      reject(.init(name: name, code: .otherChannels, detail: detail))
      return nil
    }
    guard seenNames.insert(Array(name.utf8)).inserted else {
      reject(
        .init(name: name, code: .duplicateName, detail: "An earlier picture has the same path."))
      return nil
    }
    let index = names.count
    names.append(name)
    report.accepted += 1
    report.channels = channels
    if picture.packed.isGray { report.grayCount += 1 }
    if picture.hasAlpha { report.alphaCount += 1 }
    if let bits = picture.usedBits {
      report.sixteenBitCount += 1
      report.sixteenBitUsedBits = max(report.sixteenBitUsedBits, bits)
    }
    report.channelKinds[picture.kind.rawValue, default: 0] += 1
    bars[powerOfTwo(below: picture.originalShortSide), default: 0] += 1
    if let first = firstWithHash[picture.hash] {
      equalPairs.append((index, first))
      report.duplicateCount += 1
      if report.duplicates.count < listedNames {
        report.duplicates.append(.init(name: name, original: names[first]))
      }
    } else {
      firstWithHash[picture.hash] = index
      compare(picture, index)
    }
    return picture.packed
  }

  /// Looks for an earlier picture that is nearly equal; the same bytes were found before.
  private mutating func compare(_ picture: PreparedPicture, _ index: Int) {
    guard let thumbnail = picture.thumbnail, let near = thumbnails.add(thumbnail, of: index) else {
      return
    }
    nearPairs.append((index, near))
    report.nearDuplicateCount += 1
    if report.nearDuplicates.count < listedNames {
      report.nearDuplicates.append(.init(name: names[index], original: names[near]))
    }
  }

  private func powerOfTwo(below count: Int) -> Int {
    1 << (Int.bitWidth - 1 - count.leadingZeroBitCount)
  }

  /// The whole report, once it is known what every folder stands for.
  func report(with layout: FolderLayout, faults: [ArchiveFault]) -> AdmissionReport {
    var report = report
    report.archiveFaults = faults
    report.sizes = bars.sorted { $0.key < $1.key }.map { .init(shortSide: $0.key, count: $0.value) }
    report.labels = layout.labels.map { .init(name: $0, train: 0, validation: 0, test: 0) }
    for place in layout.places {
      report.splits[place.split.name, default: 0] += 1
      guard let label = place.label else {
        report.unlabelledCount += 1
        continue
      }
      switch place.split {
      case .train: report.labels[label].train += 1
      case .validation: report.labels[label].validation += 1
      case .test: report.labels[label].test += 1
      }
    }
    report.duplicatesAcrossSplits =
      equalPairs.count { layout.places[$0].split != layout.places[$1].split }
    report.nearDuplicatesAcrossSplits =
      nearPairs.count { layout.places[$0].split != layout.places[$1].split }
    report.advice = faults.map(\.detail) + layout.notes + report.makeAdvice(channelCounts)
    return report
  }
}
