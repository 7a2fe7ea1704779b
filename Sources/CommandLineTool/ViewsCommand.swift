import ArgumentParser
import Datasets
import Foundation
import Images
import Recipes

/// `byol views`
struct ViewsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "views", abstract: "Show the views that training makes of pictures, as a PNG.",
    discussion: """
      byol views --output views.png cat.jpg dog.png
      byol views --output views.png --pack FOLDER/dataset

      A row per picture: its centre square, then the first and the second view of as many epochs as are asked for. \
      The augmentations are the paper's, or those of --recipe, the recipe.json of a run.
      """)

  @Option(help: "The PNG file to write.")
  var output: String

  @Option(help: "A pack, whose pictures are shown from all over it.")
  var pack: String?

  @Option(help: "A run's recipe.json: its augmentations, its side, its seed.")
  var recipe: String?

  @Option(help: "Side of the views, in pixels.")
  var imageSize: Int?

  @Option(help: "Seed of every random number.")
  var seed: UInt64?

  @Option(help: "Epochs shown of each picture, 1…8.")
  var shownEpochs = 2

  @Option(help: "Pictures of the pack that are shown, 1…32.")
  var count = 8

  @Argument(help: "Picture files.")
  var files: [String] = []

  mutating func validate() throws {
    let limits = ViewGridLimits()
    guard files.isEmpty != (pack == nil) else {
      throw ValidationError("Give picture files or --pack.")
    }
    guard files.count <= limits.pictures, (1...limits.pictures).contains(count) else {
      throw ValidationError("At most \(limits.pictures) pictures fit.")
    }
    guard (1...limits.epochs).contains(shownEpochs) else {
      throw ValidationError("--shown-epochs must be 1…\(limits.epochs).")
    }
    if let imageSize, !RecipeLimits.imageSize.contains(imageSize) {
      throw ValidationError("--image-size must be \(RecipeLimits.imageSize) pixels.")
    }
  }

  func run() throws {
    let pictures = try pack.map(pictures(of:)) ?? filePictures()
    let grid = try grid(channels: pictures.first?.image.channels ?? 3)
    guard pictures.allSatisfy({ $0.image.channels == grid.augmentations.normalization.channels })
    else { throw ValidationError("The pictures differ in their channels, or the recipe does.") }
    let size = grid.width * grid.height(pictures: pictures.count)
    guard size <= ViewGridLimits().pixelCount else {
      throw ValidationError(
        "The grid would have \(size) pixels; \(ViewGridLimits().pixelCount) at most.")
    }
    try Data(grid(pictures).png()).write(to: URL(filePath: output), options: .atomic)
    say("\(output): \(pictures.count) pictures, \(2 * shownEpochs) views of \(grid.side) px each.")
  }

  private func grid(channels: Int) throws -> ViewGrid {
    let frozen = try recipe.map { path in
      try Recipe(decoding: contents(of: path))
    }
    var usual = Augmentations()
    usual.normalization = Normalization(channels: channels)
    return ViewGrid(
      augmentations: frozen?.augmentations ?? usual,
      side: imageSize ?? frozen?.imageSize ?? 128, seed: seed ?? frozen?.seed ?? 0,
      epochs: shownEpochs)
  }

  private func pictures(of directory: String) throws -> [(index: Int, image: Raster)] {
    let pack = try Pack(directory: directory)
    let shown = min(count, pack.count)
    return try (0..<shown).map { number in
      let index = number * pack.count / shown
      return (index, try pack.image(at: index))
    }
  }

  private func filePictures() throws -> [(index: Int, image: Raster)] {
    try files.enumerated().map { index, file in
      do {
        return (index, try decode(contents(of: file)))
      } catch let error as ImageError {
        throw refusal("\(file): \(error.detail)", code: .failure)
      }
    }
  }
}
