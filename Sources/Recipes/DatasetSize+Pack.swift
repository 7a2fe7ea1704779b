public import Datasets

extension DatasetSize {
  /// The size of what a run on `pack` would learn from.
  public init(trainingPicturesOf pack: Pack) {
    let training = pack.pictures(in: .train)
    let sides = training.map { min(pack[$0].width, pack[$0].height) }.sorted()
    self.init(
      pictures: training.count, medianShortSide: sides.isEmpty ? 0 : sides[sides.count / 2],
      channels: pack.channels)
  }
}
