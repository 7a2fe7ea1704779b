extension AdmissionReport {
  /// What to know before training, from the counts.
  func makeAdvice(_ channelCounts: [Int: Int]) -> [String] {
    var advice = channelAdvice(channelCounts) + sixteenBitAdvice + skippedAdvice
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
      advice.append(
        splits[Split.validation.name] == nil
          ? "There is no test folder: an evaluation has to hold out pictures of train."
          : "There is no test folder: an evaluation has to judge with the pictures of val.")
    }
    return advice
  }

  private func channelAdvice(_ counts: [Int: Int]) -> [String] {
    var advice: [String] = []
    if let channels, channels != 3 {
      advice.append(
        "The pictures have \(channels) \(channels == 1 ? "channel" : "channels"): saturation, hue and "
          + "gray are switched off, brightness and contrast change each channel.")
    } else if grayCount == accepted {
      advice.append("All pictures are gray: colour operations are switched off.")
    } else if grayCount > 0 {
      advice.append("\(grayCount) pictures are gray: colour operations leave them out.")
    }
    let others = counts.filter { $0.key != channels }.sorted { $0.key < $1.key }
    if !others.isEmpty {
      let list = others.map { "\($0.value) of \($0.key)" }.joined(separator: ", ")
      advice.append(
        "Pictures of other than \(channels ?? 3) channels were left out: \(list). All pictures of a set have as many; make "
          + "a set of its own for the others.")
    }
    return advice
  }

  /// Cameras of 10, 12 or 14 bits write their values into 16: the high byte, which is kept, then says little.
  private var sixteenBitAdvice: [String] {
    guard (8...14).contains(sixteenBitUsedBits) else { return [] }
    return [
      "\(sixteenBitCount) pictures have 16 bits per sample and use only the lowest \(sixteenBitUsedBits) of them: of 256 "
        + "levels \(1 << (sixteenBitUsedBits - 8)) are left. Scale them before they are admitted, and before they are "
        + "embedded, for example with `magick in.png -evaluate multiply \(1 << (16 - sixteenBitUsedBits)) out.png`."
    ]
  }

  /// Files that may hold pictures and are skipped all the same. (Of hidden and private files nobody expects more.)
  private var skippedAdvice: [String] {
    ["archive", "video"].compactMap { reason in
      skippedReasons[reason].map {
        "\($0) files are skipped because each is \(reason == "archive" ? "an archive" : "a video"): only pictures "
          + "are admitted."
      }
    }
  }
}
