import Images

/// Collects what the report says while entries come in, in the source's order.
struct Ledger {
  private(set) var report = AdmissionReport()
  /// The accepted pictures' names, in the pack's order.
  private(set) var names: [String] = []
  private let listedNames: Int
  private var seenNames: Set<String> = []
  private var firstWithHash: [ContentHash: Int] = [:]
  private var bars: [Int: Int] = [:]
  /// Pairs of accepted pictures with the same bytes: the later one and the first one.
  private var equalPairs: [(Int, Int)] = []
  /// Pairs that are nearly equal, in the same order.
  private var nearPairs: [(Int, Int)] = []
  private var thumbnails = ThumbnailIndex()

  init(listedNames: Int) { self.listedNames = listedNames }

  /// Enters one entry; returns the picture if it is to be stored.
  mutating func enter(_ entry: PreparedEntry) -> PackedPicture? {
    switch entry {
    case .skipped(let skipped):
      report.skippedCount += 1
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
    guard channels == report.channels ?? channels else {
      let detail = "It has \(channels) channels, the first picture \(report.channels ?? 0)."
      reject(.init(name: name, code: .otherChannels, detail: detail))
      return nil
    }
    guard seenNames.insert(name).inserted else {
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
  func report(with places: FolderPlaces) -> AdmissionReport {
    var report = report
    report.sizes = bars.sorted { $0.key < $1.key }.map { .init(shortSide: $0.key, count: $0.value) }
    report.labels = places.labels.map { .init(name: $0, train: 0, validation: 0, test: 0) }
    for place in places.places {
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
      equalPairs.count { places.places[$0].split != places.places[$1].split }
    report.nearDuplicatesAcrossSplits =
      nearPairs.count { places.places[$0].split != places.places[$1].split }
    report.advice = report.makeAdvice()
    return report
  }
}

extension AdmissionReport {
  /// What to know before training, from the counts.
  fileprivate func makeAdvice() -> [String] {
    var advice: [String] = []
    if let channels, channels != 3 {
      advice.append(
        "The pictures have \(channels) \(channels == 1 ? "channel" : "channels"): saturation, hue and "
          + "gray are switched off, brightness and contrast change each channel.")
    } else if grayCount == accepted {
      advice.append(
        "All pictures are gray: colour operations are switched off; expect about 9 points less than "
          + "with colour.")
    } else if grayCount > 0 {
      advice.append("\(grayCount) pictures are gray: colour operations leave them out.")
    }
    let train = splits[Split.train.name] ?? 0
    if train < 512 {
      advice.append("Only \(train) pictures to learn from: the batch has to be small.")
    }
    let tiny = sizes.filter { $0.shortSide < 32 }.reduce(0) { $0 + $1.count }
    if tiny > 0 {
      advice.append(
        "\(tiny) pictures have a short side below 32 pixels and are smaller than most crops: they are "
          + "enlarged.")
    }
    if duplicatesAcrossSplits > 0 {
      advice.append(
        "\(duplicatesAcrossSplits) pictures are in more than one of train, val and test: an "
          + "evaluation would look better than it is.")
    }
    if nearDuplicatesAcrossSplits > 0 {
      advice.append(
        "\(nearDuplicatesAcrossSplits) pictures are nearly equal to one of another part of train, val "
          + "and test: look at near_duplicates.")
    }
    if 20 * (duplicateCount + nearDuplicateCount) > accepted {
      advice.append(
        "\(duplicateCount + nearDuplicateCount) of \(accepted) pictures repeat others: what is repeated "
          + "counts for more in training.")
    }
    if !labels.isEmpty, splits[Split.test.name] == nil {
      advice.append("There is no test folder: an evaluation has to hold out pictures of train.")
    }
    return advice
  }
}
