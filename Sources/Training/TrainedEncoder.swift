public import Encoders
import Images
public import Recipes

extension EncoderModel {
  /// The online encoder of a training state, as it is published beside it; `run` is the run's name.
  public init(_ recipe: Recipe, _ state: TrainingState, run: String) {
    self.init(
      encoder: recipe.encoder, imageSize: recipe.imageSize,
      normalization: recipe.augmentations.normalization, tensors: state.encoder(of: recipe.update),
      provenance: ["byol.run": run, "byol.step": String(state.step)])
  }
}
