declare module "virtual:texts/*" {
  const texts: Record<string, Record<string, string>>;
  export default texts;
}
