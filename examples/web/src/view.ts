/** One half of the page: the filter bank, or the digit classifier. */
export interface View {
  /** Called when the person turns to this half. */
  begin(): Promise<void>;
  /** Runs the model on an image file. */
  show(file: Blob, name: string): Promise<void>;
}
